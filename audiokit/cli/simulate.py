"""``audiokit simulate``: what speech sounds like behind a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from audiokit.cli.options import BatchOptions, GateOptions, RowOptions, Sources, command
from audiokit.cli.opus_options import OpusOptions
from audiokit.cli.simulate_options import LinkOptions, ReceiverOptions
from audiokit.errors import SettingError

if TYPE_CHECKING:
    from audiokit.cli.gating import Gating
    from audiokit.jobs.simulate_settings import SimulateSettings
    from audiokit.jobs.simulate_sweep import Point

EXAMPLES = (
    "audiokit simulate talk.wav -o heard.wav --loss 10 --burst 3 --jitter-ms 40 --seed 7",
    "audiokit simulate talk.wav -o heard.wav --trace wifi.csv --report heard.html",
    "audiokit simulate takes/ -o heard/ --loss 0,5,10,20",
    "audiokit simulate talk.wav -o heard.wav --loss 10 --fail-under pesq=3.0,mos=3.5",
    "audiokit simulate call.pcap -o heard.wav --min-delay-ms 20",
)


@command
def simulate(
    sources: Sources,
    out: Annotated[str, typer.Option("--out", "-o", help="Folder, WAV file, or - for stdout.")],
    codec: Annotated[
        Literal["opus", "ulaw", "alaw", "pcm"] | None,
        typer.Option(help="Opus if not given; of a capture, what its packets say."),
    ] = None,
    resample: Annotated[
        int | None,
        typer.Option(help="Sample rate in Hz of the call; 16000, G.711 8000, if not given."),
    ] = None,
    channels: Annotated[
        Literal["keep", "mono", "stereo"], typer.Option(help="As they are, their mean, or two.")
    ] = "mono",
    report: Annotated[
        Path | None, typer.Option(help="File for a report: .html with pictures, or .json.")
    ] = None,
    pcap: Annotated[
        Path | None,
        typer.Option(help="File for the packets that arrived: .pcap, .rtpdump or .opus."),
    ] = None,
    write_trace: Annotated[
        Path | None, typer.Option(help="File for when each packet was sent and how long it took.")
    ] = None,
    quality: Annotated[
        bool | None,
        typer.Option(
            "--quality/--no-quality", help="PESQ and STOI; where installed if not given."
        ),
    ] = None,
    *,
    link: LinkOptions,
    receiver: ReceiverOptions,
    opus: OpusOptions,
    batch: BatchOptions,
    gates: GateOptions,
    output: RowOptions,
) -> None:
    """Hear what speech sounds like behind a network, and measure it.

    Sender, codec, packets, link, jitter buffer and concealment are those of a call, on a
    virtual clock: the same seed gives the same bytes. Captures (pcap, rtpdump) are played as
    they arrived. With gates, the exit code is 4 where one is not met.
    """
    from audiokit.cli.gating import Gating
    from audiokit.cli.simulate_run import Simulation, run_simulation
    from audiokit.jobs.simulate_row import COLUMNS

    points = _points(link)
    gating = Gating(gates, command="simulate", columns=COLUMNS, usual="mos")
    simulation = Simulation(
        _settings(codec, resample, channels, link, receiver, opus),
        points,
        gating,
        has_quality=_has_quality(quality, gating),
        files={"report": report, "pcap": pcap, "trace": write_trace},
    )
    if len(points) > 1 and gates.baseline is not None:
        raise SettingError("baseline", str(gates.baseline), "one network at a time")
    run_simulation(sources, out, simulation, batch=batch, output=output)


def _points(link: LinkOptions) -> list[Point]:
    from audiokit.jobs.simulate_link import NetworkSettings
    from audiokit.jobs.simulate_sweep import points_of

    usual = NetworkSettings(
        jitter_model=link.jitter_model,
        jitter_correlation=link.jitter_correlation,
        spikes_per_minute=link.spikes_per_minute,
        spike_ms=link.spike_ms,
        reorder_percent=link.reorder_percent,
        duplicate_percent=link.duplicate_percent,
        is_in_order=link.in_order,
        queue_ms=link.queue_ms,
        drift_ppm=link.drift_ppm,
    )
    swept = {
        "loss": link.loss,
        "burst": link.burst,
        "delay_ms": link.delay_ms,
        "jitter_ms": link.jitter_ms,
        "bandwidth_kbps": link.bandwidth_kbps,
        "seed": link.seed,
    }
    return points_of(usual, swept)


def _settings(
    codec: Literal["opus", "ulaw", "alaw", "pcm"] | None,
    resample: int | None,
    channels: Literal["keep", "mono", "stereo"],
    link: LinkOptions,
    receiver: ReceiverOptions,
    opus: OpusOptions,
) -> SimulateSettings:
    from audiokit.jobs.simulate_codec import CodecSettings
    from audiokit.jobs.simulate_link import read_recorded
    from audiokit.jobs.simulate_settings import SimulateSettings
    from audiokit.transit.jitter_settings import JitterSettings

    return SimulateSettings(
        CodecSettings(
            codec=codec or "opus",
            resample=resample,
            channels=channels,
            opus=opus.settings(),
            opus_library=opus.opus_library,
            decoder_complexity=receiver.decoder_complexity,
            plc=receiver.plc,
        ),
        captured_codec=codec,
        recorded=None if link.trace is None else read_recorded(link.trace),
        jitter=JitterSettings(
            min_delay_ms=receiver.min_delay_ms,
            max_delay_ms=receiver.max_delay_ms,
            packet_ms=opus.frame_ms,
        ),
    )


def _has_quality(asked: bool | None, gating: Gating) -> bool:
    """Return whether PESQ and STOI are measured.

    Raises:
        MissingExtraError: They are asked for, and not installed.
    """
    from audiokit.jobs.simulate_quality import MEASURES, check_measures, has_measures

    is_needed = bool(gating.asked.intersection(MEASURES))
    if asked is False and is_needed:
        raise SettingError("quality", "no", "yes, as a gate asks for it")
    if asked or is_needed:
        check_measures()
        return True
    return asked is None and has_measures()
