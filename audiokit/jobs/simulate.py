"""What a recording, or a captured call, sounds like behind a network."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import numpy as np

from audiokit.dsp.channels import ChannelMixer, ChannelSettings
from audiokit.errors import EmptyError, SettingError, TooLongError
from audiokit.files.atomic import replacing
from audiokit.files.read import open_audio
from audiokit.files.resample import Resampler, ResampleSettings
from audiokit.files.source import ByteSource, open_source
from audiokit.files.write import WriteSettings, open_writer
from audiokit.jobs.blocks import BLOCK_SAMPLES
from audiokit.jobs.call import Call
from audiokit.jobs.captured import CapturedStream, is_capture, read_captured
from audiokit.jobs.captured_opus import PRE_SKIP_48K
from audiokit.jobs.coding import CodingJob, Row, coding_row
from audiokit.jobs.simulate_capture import CaptureFile, open_capture
from audiokit.jobs.simulate_codec import Codec, CodecSettings, PacketSender, open_decoder
from audiokit.jobs.simulate_link import NetworkSettings, Recorded
from audiokit.jobs.simulate_quality import MEASURES, Heard, measured
from audiokit.jobs.simulate_row import call_facts
from audiokit.jobs.simulate_trail import Trail
from audiokit.jobs.task import LengthGuard, Limits, ProcessTask
from audiokit.stage import Block, Chain, Processor, StreamFormat, run_blocks
from audiokit.transit.jitter_settings import JitterSettings
from audiokit.transit.trace import trace_text

__all__ = ["SimulateJob", "SimulateSettings", "SimulationView", "simulate_file"]

# Blocks of the call are joined: one second of them is written at a time.
_JOINED_S = 1.0
# PESQ and STOI need both ends whole.
_LONGEST_MEASURED_S = 600.0


@dataclass(frozen=True, slots=True)
class SimulateSettings:
    """A sender, a network, a receiver."""

    codec: CodecSettings = field(default_factory=CodecSettings)
    """How the sender codes; how the receiver conceals."""
    captured_codec: Codec | None = None
    """What packets of a capture hold whose type is dynamic; None: Opus, if they look so."""
    network: NetworkSettings = field(default_factory=NetworkSettings)
    """What happens on the way."""
    recorded: Recorded | None = None
    """What a real network did, if that is to happen too."""
    jitter: JitterSettings = field(default_factory=JitterSettings)
    """How the receiver waits; packets are as long as the sender's."""
    has_quality: bool = False
    """Whether PESQ and STOI are measured: needs the extra "quality"."""
    write: WriteSettings = field(default_factory=lambda: WriteSettings("wav", dither=False))
    """How the result is written."""


class SimulationView(Protocol):
    """Who looks at a call while it is simulated."""

    def begin(self, fmt: StreamFormat) -> None:
        """Take note of the format of both ends."""
        ...

    def said(self, block: Block) -> None:
        """Take note of what goes into the codec; nothing where a capture is the source."""
        ...

    def heard(self, block: Block) -> None:
        """Take note of what comes out."""
        ...

    def finish(self, row: Row, trail: Trail) -> None:
        """Take note of all the rest."""
        ...


@dataclass(frozen=True, slots=True)
class SimulateJob(CodingJob):
    """`simulate_file` for a run over many files.

    Args:
        settings: What each goes through.
    """

    settings: SimulateSettings = field(default_factory=SimulateSettings)

    def run(self, task: ProcessTask) -> Row:
        return simulate_file(task, self.settings, self.limits)


def simulate_file(
    task: ProcessTask,
    settings: SimulateSettings,
    limits: Limits | None = None,
    view: SimulationView | None = None,
) -> Row:
    """Send a recording, or a capture of a call, over a network, and write what is heard.

    The result begins with the first sound of the first packet that arrived and ends where the
    recording does; stretching apart it is as long. A clean network changes no sample's place.

    Args:
        task: The source, and where ``audio`` goes; likewise ``pcap``, what arrived, and
            ``trace``, when.
        settings: What it goes through.
        limits: What it must keep to.
        view: Who looks on, if anyone.

    Returns:
        What the link did, what the buffer made of it, what that is worth.

    Raises:
        ItemError: The source or the machine is at fault; nothing half-written stays.
        SettingError: The codec does not fit the recording.
        MissingDeviceError: libopus is not there.
        MissingExtraError: PESQ or STOI is asked for and not installed.
    """
    limits = limits or Limits()
    with ExitStack() as stack:
        if task.raw is None:
            source = stack.enter_context(closing(open_source(task.source)))
            if is_capture(source.head):
                return _simulate_captured(task, source, settings, limits, view)
            if not source.is_seekable:
                # A pipe gives its beginning once, and that was looked at.
                task = replace(task, source=cast("BinaryIO", source))
        return _simulate_recording(task, settings, limits, view)


def _simulate_recording(
    task: ProcessTask, settings: SimulateSettings, limits: Limits, view: SimulationView | None
) -> Row:
    with open_audio(task.source, raw=task.raw) as reader:
        chain = Chain(reader.fmt, _stages(reader.fmt, settings.codec))
        fmt = chain.out_fmt
        sender = PacketSender(fmt, settings.codec)
        link = settings.network.link(settings.recorded)
        jitter = replace(settings.jitter, packet_ms=settings.codec.opus.frame_ms)
        call = Call(
            open_decoder(fmt, settings.codec),
            clock_hz=sender.clock_hz,
            link=link,
            jitter=jitter,
            rng=np.random.default_rng(settings.network.seed),
        )
        call.captured_s = -fmt.seconds(sender.lookahead_samples)
        length = LengthGuard(task.name, reader.fmt, limits)
        pre_skip_48k = sender.lookahead_samples * 48_000 // fmt.sample_rate
        with _Receiver(task, settings, call, view, pre_skip_48k=pre_skip_48k) as receiver:
            receiver.skip(sender.lookahead_samples)
            for block in run_blocks(chain, _counted(reader.blocks(BLOCK_SAMPLES), length)):
                receiver.said(block)
                for packet, sent_s in sender.push(block):
                    receiver.hear(call.send(packet, sent_s))
            length.finish()
            if not sender.n_samples:
                problem = f"holds no samples at {fmt.sample_rate} Hz"
                raise EmptyError(task.name, problem, "Record it again.")
            for packet, sent_s in sender.flush():
                receiver.hear(call.send(packet, sent_s))
            receiver.hear(call.finish(sender.end_ticks))
            receiver.finish(n_samples=sender.n_samples, lookahead=sender.lookahead_samples)
        facts: dict[str, Any] = {
            "source_duration_s": round(length.duration_s, 6),
            "source_sample_rate": reader.fmt.sample_rate,
            "source_channels": reader.fmt.channels,
            "bitrate_bps": round(8 * sender.n_bytes / fmt.seconds(sender.n_samples)),
            "n_packets": sender.n_packets,
        }
        return receiver.row(settings.codec.codec, facts, [*reader.warnings])


def _simulate_captured(
    task: ProcessTask,
    source: ByteSource,
    settings: SimulateSettings,
    limits: Limits,
    view: SimulationView | None,
) -> Row:
    if settings.has_quality:
        raise SettingError("quality", True, "a recording: of a capture nobody knows what was said")
    stream = read_captured(source, settings.captured_codec, _dynamic_format(settings.codec))
    fmt = stream.fmt
    if stream.codec == "opus" and settings.codec.resample is not None:
        fmt = StreamFormat(settings.codec.resample, fmt.channels)
    duration_s = stream.packets[-1][0] - stream.packets[0][0]
    if duration_s > limits.max_duration_s:
        problem = f"is longer than {limits.max_duration_s:g} s"
        raise TooLongError(task.name, problem, "Raise --max-duration-s to take it.")
    call = Call(
        open_decoder(fmt, replace(settings.codec, codec=cast("Codec", stream.codec))),
        clock_hz=stream.clock_hz,
        link=settings.network.link(settings.recorded, usual_delay_ms=0.0),
        jitter=_captured_jitter(settings.jitter, stream),
        rng=np.random.default_rng(settings.network.seed),
    )
    with _Receiver(task, settings, call, view, pre_skip_48k=PRE_SKIP_48K) as receiver:
        for arrival_s, packet in stream.packets:
            receiver.hear(call.send(packet, arrival_s))
        receiver.hear(call.finish())
        receiver.finish(n_samples=0, lookahead=0)
    n_bytes = sum(len(packet.payload) for _, packet in stream.packets)
    facts: dict[str, Any] = {
        "container": stream.kind,
        "bitrate_bps": round(8 * n_bytes / max(duration_s, stream.frame_ms / 1000.0)),
        "n_packets": len(stream.packets),
    }
    return receiver.row(stream.codec, facts, [*stream.warnings])


class _Receiver:
    """Writes what is heard, tells the view, and measures: a context manager."""

    def __init__(
        self,
        task: ProcessTask,
        settings: SimulateSettings,
        call: Call,
        view: SimulationView | None,
        *,
        pre_skip_48k: int,
    ) -> None:
        self._task, self._settings, self._call, self._view = task, settings, call, view
        self._pre_skip = pre_skip_48k
        self._stack = ExitStack()
        self._trail: Trail | None = None
        self._capture: CaptureFile | None = None
        self._waiting: list[Block] = []
        self._most_waiting = round(_JOINED_S * 1000.0 / settings.jitter.pull_ms)
        self._n_skip = self._n_skipped = self._n_heard = 0
        self._said: list[Block] = []
        self._all_heard: list[Block] = []
        self._n_said = 0
        self._is_measured = settings.has_quality
        self._facts: dict[str, Any] = {}
        self._warnings: list[str] = []

    def __enter__(self) -> _Receiver:
        with ExitStack() as stack:
            task, call = self._task, self._call
            fmt, codec = call.fmt, self._settings.codec.codec
            if self._settings.has_quality or self._view is not None or "trace" in task.outputs:
                self._trail = Trail()
                call.watchers.append(self._trail)
            if "pcap" in task.outputs:
                target = cast("Path", task.outputs["pcap"])
                opened = open_capture(target, codec, fmt, pre_skip_48k=self._pre_skip)
                self._capture = stack.enter_context(opened)
                call.watchers.append(self._capture)
            opened_writer = open_writer(task.outputs["audio"], fmt, self._settings.write)
            self._writer = stack.enter_context(opened_writer)
            if self._view is not None:
                self._view.begin(fmt)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *problem: Any) -> None:
        self._stack.__exit__(*problem)

    def skip(self, n_samples: int) -> None:
        """Leave out so many samples at the beginning."""
        self._n_skip = self._n_skipped = n_samples

    def said(self, block: Block) -> None:
        """Take what goes into the codec."""
        self._n_said += len(block)
        if self._is_measured:
            # A copy: stages may reuse their blocks.
            self._said.append(block.copy())
            if self._call.fmt.seconds(self._n_said) > _LONGEST_MEASURED_S:
                self._is_measured = False
                self._said, self._all_heard = [], []
                said = f"longer than {_LONGEST_MEASURED_S:g} s"
                self._warnings.append(f"PESQ and STOI are left out: {said}")
        if self._view is not None:
            self._view.said(block)

    def hear(self, blocks: Iterable[Block]) -> None:
        """Take what comes out of the buffer."""
        self._waiting += blocks
        if len(self._waiting) >= self._most_waiting:
            self._pass_on()

    def finish(self, *, n_samples: int, lookahead: int) -> None:
        """End the call.

        Args:
            n_samples: How many were said; of nothing that was heard there is so much silence.
            lookahead: Samples by which the codec was late.
        """
        self._pass_on()
        fmt = self._call.fmt
        if not self._n_heard:
            self._warnings.append("no packet arrived: all is silence")
            self._waiting = [fmt.silence(n_samples)]
            self._n_skip = 0
            self._pass_on()
        if self._trail is not None and "trace" in self._task.outputs:
            self._write_trace(self._trail)
        if self._call.left_out_s:
            said = f"pauses of {self._call.left_out_s:.1f} s altogether"
            self._warnings.append(f"{said} are left out")
        if self._is_measured and self._trail is not None:
            self._facts |= self._measures(self._trail, lookahead)
        elif self._settings.has_quality:
            self._facts |= dict.fromkeys(MEASURES)

    def row(self, codec: str, facts: Row, warnings: list[str]) -> Row:
        """Return the row, once all is written."""
        fmt, network = self._call.fmt, self._settings.network
        named: Row = {
            "duration_s": round(fmt.seconds(self._n_heard), 6),
            **facts,
            "sample_rate": fmt.sample_rate,
            "channels": fmt.channels,
            "codec": codec,
            "seed": network.seed,
            **call_facts(self._call),
            **self._facts,
        }
        row = coding_row(named, warnings=[*warnings, *self._warnings, *self._writer.warnings])
        if self._view is not None and self._trail is not None:
            self._view.finish(row, self._trail)
        return row

    def _pass_on(self) -> None:
        """Write what has been heard."""
        if not self._waiting:
            return
        block = np.concatenate(self._waiting)
        self._waiting = []
        if self._is_measured:
            self._all_heard.append(block)
        if self._n_skip:
            n_skip = min(self._n_skip, len(block))
            self._n_skip -= n_skip
            block = block[n_skip:]
        self._n_heard += len(block)
        self._writer.write(block)
        if self._view is not None:
            self._view.heard(block)

    def _measures(self, trail: Trail, lookahead: int) -> Row:
        call = self._call
        fmt = call.fmt
        begin_s = call.begin_s + (call.first_timestamp or 0) / call.clock_hz
        return measured(
            Heard(
                fmt,
                np.concatenate(self._said),
                np.concatenate(self._all_heard),
                round(begin_s * fmt.sample_rate) - lookahead,
                trail,
                fmt.sample_rate * self._settings.jitter.pull_ms // 1000,
            )
        )

    def _write_trace(self, trail: Trail) -> None:
        found = trail.trace()
        target = cast("Path", self._task.outputs["trace"])
        if found is None:
            raise EmptyError(str(target), "would hold no packet", "Send one.")
        with replacing(target) as part:
            part.write_text(trace_text(found), encoding="ascii")


def _stages(fmt: StreamFormat, codec: CodecSettings) -> list[Processor]:
    stages: list[Processor] = []
    if codec.channels != "keep":
        stages.append(ChannelMixer(fmt, ChannelSettings(codec.channels)))
        fmt = stages[-1].out_fmt
    stages.append(Resampler(fmt, ResampleSettings(codec.sample_rate)))
    return stages


def _counted(blocks: Iterable[Block], length: LengthGuard) -> Iterable[Block]:
    for block in blocks:
        length.count(len(block))
        yield block


def _dynamic_format(codec: CodecSettings) -> StreamFormat | None:
    """Return what packets of a dynamic type decode to, where the user says so."""
    if codec.resample is None:
        return None
    return StreamFormat(codec.resample, 2 if codec.channels == "stereo" else 1)


def _captured_jitter(jitter: JitterSettings, stream: CapturedStream) -> JitterSettings:
    return replace(jitter, packet_ms=stream.frame_ms, payload_type=stream.payload_type)
