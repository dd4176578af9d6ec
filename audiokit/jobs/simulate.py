"""What a recording, or a captured call, sounds like behind a network."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, cast

import numpy as np

from audiokit.dsp.channels import ChannelMixer, ChannelSettings
from audiokit.errors import EmptyError, TooLongError
from audiokit.files.read import open_audio
from audiokit.files.resample import Resampler, ResampleSettings
from audiokit.files.source import ByteSource, open_source
from audiokit.jobs.blocks import BLOCK_SAMPLES
from audiokit.jobs.call import Call
from audiokit.jobs.captured import CapturedStream, is_capture, read_captured
from audiokit.jobs.captured_opus import PRE_SKIP_48K
from audiokit.jobs.coding import CodingJob, Row
from audiokit.jobs.simulate_codec import CodecSettings, PacketSender, open_decoder
from audiokit.jobs.simulate_receiver import Receiver, SimulationView
from audiokit.jobs.simulate_settings import SimulateSettings
from audiokit.jobs.task import LengthGuard, Limits, ProcessTask
from audiokit.stage import Block, Chain, Processor, StreamFormat, run_blocks
from audiokit.transit.jitter_settings import JitterSettings

__all__ = ["SimulateJob", "simulate_file"]


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
        lookahead = sender.lookahead_samples
        with Receiver(task, settings, call, view, lookahead_samples=lookahead) as receiver:
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
        facts: dict[str, Any] = {
            "source_duration_s": round(length.duration_s, 6),
            "source_sample_rate": reader.fmt.sample_rate,
            "source_channels": reader.fmt.channels,
            "bitrate_bps": round(8 * sender.n_bytes / fmt.seconds(sender.n_samples)),
            "n_packets": sender.n_packets,
        }
        return receiver.row(facts, [*reader.warnings])


def _simulate_captured(
    task: ProcessTask,
    source: ByteSource,
    settings: SimulateSettings,
    limits: Limits,
    view: SimulationView | None,
) -> Row:
    stream = read_captured(source, settings.captured_codec, _dynamic_format(settings.codec))
    fmt, lookahead = stream.fmt, 0
    codec = replace(settings.codec, codec=stream.codec)
    if stream.codec == "opus":
        fmt = StreamFormat(settings.codec.resample or fmt.sample_rate, fmt.channels)
        lookahead = PRE_SKIP_48K * fmt.sample_rate // 48_000
    duration_s = stream.packets[-1][0] - stream.packets[0][0]
    if duration_s > limits.max_duration_s:
        problem = f"is longer than {limits.max_duration_s:g} s"
        raise TooLongError(task.name, problem, "Raise --max-duration-s to take it.")
    call = Call(
        open_decoder(fmt, codec),
        clock_hz=stream.clock_hz,
        link=settings.network.link(settings.recorded, usual_delay_ms=0.0),
        jitter=_captured_jitter(settings.jitter, stream),
        rng=np.random.default_rng(settings.network.seed),
    )
    settings = replace(settings, codec=codec)
    with Receiver(task, settings, call, view, lookahead_samples=lookahead) as receiver:
        for arrival_s, packet in stream.packets:
            receiver.hear(call.send(packet, arrival_s))
        receiver.hear(call.finish())
    n_bytes = sum(len(packet.payload) for _, packet in stream.packets)
    facts: dict[str, Any] = {
        "container": stream.kind,
        "bitrate_bps": round(8 * n_bytes / max(duration_s, stream.frame_ms / 1000.0)),
        "n_packets": len(stream.packets),
    }
    return receiver.row(facts, [*stream.warnings])


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
