"""``audiokit encode``: Opus or G.711."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from audiokit.cli.coding import Coding, limits_of, raw_of, run_coding
from audiokit.cli.options import BatchOptions, RowOptions, Sources, command
from audiokit.errors import SettingError

EXAMPLES = (
    "audiokit encode talk.wav -o talk.opus",
    "audiokit encode takes/ -o opus/ --resample 16000 --channels mono --json",
    "audiokit encode song.flac -o song.opus --application audio --bitrate-bps 96000",
    "audiokit encode call.wav -o call-ulaw.wav --codec ulaw",
    "audiokit encode call.wav -o call.al --codec alaw --resample 8000",
)

_Codec = Literal["opus", "ulaw", "alaw"]
_ENDINGS = {
    "ogg": ("opus", "ogg", "oga"),
    "wav": ("wav", "wave"),
    "ulaw": ("ul", "ulaw", "mulaw"),
    "alaw": ("al", "alaw"),
}
_OPUS, _NETWORK = "Opus", "Opus over a network"


@command
def encode(
    sources: Sources,
    out: Annotated[str, typer.Option("--out", "-o", help="Folder, file, or - for stdout.")],
    codec: Annotated[_Codec, typer.Option(help="Opus, or G.711 by μ-law or A-law.")] = "opus",
    container: Annotated[
        Literal["ogg", "wav", "raw"] | None,
        typer.Option(help="Ogg for Opus; WAV, or none, for G.711. By the name if not given."),
    ] = None,
    resample: Annotated[
        int | None, typer.Option(help="Sample rate in Hz to bring it to; its own if not given.")
    ] = None,
    channels: Annotated[
        Literal["keep", "mono", "stereo"], typer.Option(help="As they are, their mean, or two.")
    ] = "keep",
    application: Annotated[
        Literal["voip", "audio", "lowdelay"],
        typer.Option(help="Clear speech, faithful sound, or least delay.", rich_help_panel=_OPUS),
    ] = "voip",
    bitrate_bps: Annotated[
        int, typer.Option(help="In bit/s, all channels, 6000 to 510000.", rich_help_panel=_OPUS)
    ] = 24_000,
    rate_control: Annotated[
        Literal["vbr", "constrained", "cbr"],
        typer.Option(help="Variable, variable within limits, or constant.", rich_help_panel=_OPUS),
    ] = "vbr",
    complexity: Annotated[int, typer.Option(help="Effort, 0 to 10.", rich_help_panel=_OPUS)] = 5,
    bandwidth: Annotated[
        Literal["auto", "narrow", "medium", "wide", "superwide", "full"],
        typer.Option(help="Up to 4, 6, 8, 12 or 20 kHz.", rich_help_panel=_OPUS),
    ] = "auto",
    signal: Annotated[
        Literal["auto", "voice", "music"],
        typer.Option(help="What it is, where that is known.", rich_help_panel=_OPUS),
    ] = "auto",
    frame_ms: Annotated[
        float, typer.Option(help="2.5, 5, 10, 20, 40 or 60 ms.", rich_help_panel=_OPUS)
    ] = 20.0,
    fec: Annotated[
        bool,
        typer.Option(
            "--fec/--no-fec",
            help="Let each packet carry a copy of the last.",
            rich_help_panel=_NETWORK,
        ),
    ] = True,
    expected_loss_percent: Annotated[
        int, typer.Option(help="Packets that will be lost, 0 to 100.", rich_help_panel=_NETWORK)
    ] = 10,
    dtx: Annotated[
        bool,
        typer.Option(
            "--dtx/--no-dtx", help="Send next to nothing in pauses.", rich_help_panel=_NETWORK
        ),
    ] = True,
    opus_library: Annotated[
        str | None,
        typer.Option(help="File of libopus; the best found if not given.", rich_help_panel=_OPUS),
    ] = None,
    *,
    batch: BatchOptions,
    output: RowOptions,
) -> None:
    """Encode speech: Opus in Ogg, or G.711 in WAV or bare.

    The defaults are those of the live client, for speech over a lossy network. What decodes
    has as many samples as went in, each in its place.
    """
    from audiokit.codec.opus import OpusSettings
    from audiokit.codec.opus_library import find_libopus
    from audiokit.jobs.encode import EncodeJob, EncodeSettings

    if (codec == "opus") != (container == "ogg") and container is not None:
        expected = "ogg for opus" if codec == "opus" else f"wav or raw for {codec}"
        raise SettingError("container", container, expected)
    kind = _kind_of(out, codec, container)
    settings = EncodeSettings(
        codec=codec,
        is_raw=kind in {"ulaw", "alaw"},
        resample=resample,
        channels=channels,
        opus=OpusSettings(
            application=application,
            bitrate_bps=bitrate_bps,
            rate_control=rate_control,
            complexity=complexity,
            bandwidth=bandwidth,
            signal=signal,
            fec=fec,
            expected_loss_percent=expected_loss_percent,
            dtx=dtx,
            frame_ms=frame_ms,
        ),
        opus_library=opus_library,
    )
    job = EncodeJob(limits_of(batch), Path(), raw_of(batch), settings)
    endings = _ENDINGS[kind]
    # Told before the first recording where there is none.
    libopus = find_libopus(opus_library).version if codec == "opus" else ""
    coding = Coding("encode", job, endings[0], lambda name: _ending(name) in endings, libopus)
    run_coding(sources, out, coding, batch=batch, output=output)


def _kind_of(out: str, codec: str, container: str | None) -> str:
    """Return what is written: ``ogg``, ``wav``, or bare codes by their law.

    Raises:
        SettingError: The target's name is that of another kind of file.
    """
    if codec == "opus":
        wanted: tuple[str, ...] = ("ogg",)
    elif container is not None:
        wanted = ("wav",) if container == "wav" else (codec,)
    else:
        wanted = ("wav", codec)
    named = next((kind for kind, endings in _ENDINGS.items() if _ending(out) in endings), None)
    if named is None or Path(out).is_dir():
        return wanted[0]
    if named not in wanted:
        endings = [f".{ending}" for kind in wanted for ending in _ENDINGS[kind]]
        expected = f"a name ending in {', '.join(endings)} for {codec}"
        hint = "" if named == "ogg" else "Say --codec ulaw or alaw for G.711."
        raise SettingError("out", out, expected, hint)
    return named


def _ending(name: str) -> str:
    return Path(name).suffix.lower().removeprefix(".")
