"""Calls that somebody captured: the stream of one sender, and what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from audiokit.codec.opus_packet import duration_48k, parse_packet
from audiokit.errors import EmptyError, FormatError, MalformedPacketError, TooLongError
from audiokit.files.source import ByteSource
from audiokit.jobs.simulate_codec import Codec
from audiokit.stage import StreamFormat
from audiokit.transit.packet import OPUS_CLOCK_HZ, Packet, sequence_distance, timestamp_distance
from audiokit.transit.pcap import is_pcap, read_pcap
from audiokit.transit.rtp_streams import RtpStream, find_streams
from audiokit.transit.rtpdump import is_rtpdump, read_rtpdump

__all__ = ["CapturedStream", "is_capture", "read_captured"]

Timed: TypeAlias = tuple[float, Packet]

_MOST_BYTES = 512 << 20
# RFC 3551, tables 4 and 5.
_STATIC: Mapping[int, tuple[Codec, StreamFormat]] = {
    0: ("ulaw", StreamFormat(8_000, 1)),
    8: ("alaw", StreamFormat(8_000, 1)),
    10: ("pcm", StreamFormat(44_100, 2)),
    11: ("pcm", StreamFormat(44_100, 1)),
}
_FIRST_DYNAMIC = 96
# The lowest rate at which Opus gives a bandwidth whole.
_RATES = {"narrow": 8_000, "medium": 12_000, "wide": 16_000, "superwide": 24_000, "full": 48_000}
# Of neighbouring packets, so many must be as long apart as the first of them sounds.
_LEAST_SHARE_IN_TIME = 0.8


@dataclass(frozen=True, slots=True)
class CapturedStream:
    """The packets of one sender, in the order in which they were captured.

    Args:
        kind: ``pcap`` or ``rtpdump``.
        codec: What they hold.
        fmt: What comes of decoding it.
        clock_hz: Of the timestamps.
        payload_type: Of the packets with sound.
        packets: ``(arrival_s, packet)``; the first at 0.
        n_lost: Packets missing between the first and the last, by their numbers.
        warnings: What is odd about the capture.
    """

    kind: str
    codec: Codec
    fmt: StreamFormat
    clock_hz: int
    payload_type: int
    packets: tuple[Timed, ...]
    n_lost: int
    warnings: tuple[str, ...]

    @property
    def frame_ms(self) -> float:
        """How long most of its packets are apart, 2.5 to 120 ms."""
        steps: dict[int, int] = {}
        for (_, one), (_, other) in pairwise(self.packets):
            if sequence_distance(other.sequence, one.sequence) == 1:
                step = timestamp_distance(other.timestamp, one.timestamp)
                steps[step] = steps.get(step, 0) + 1
        usual = max(steps, key=lambda step: steps[step], default=self.clock_hz // 50)
        return min(max(1000.0 * usual / self.clock_hz, 2.5), 120.0)


def is_capture(head: bytes) -> bool:
    """Return whether a file begins as a capture does: pcap, pcapng or rtpdump."""
    return is_pcap(head) or is_rtpdump(head)


def read_captured(
    source: ByteSource, codec: Codec | None = None, fmt: StreamFormat | None = None
) -> CapturedStream:
    """Return the stream with the most packets that can be decoded.

    Args:
        source: A capture, from its start; held in memory whole.
        codec: What packets of a dynamic type hold; None: Opus, where they look so.
        fmt: Of those packets, where they do not say; None: 16 kHz, mono.

    Raises:
        FormatError: It is no capture, or no stream in it can be decoded.
        EmptyError: It holds no RTP.
        TooLongError: It is too large.
    """
    source.rewind()
    data = source.read(_MOST_BYTES + 1)
    name = source.path
    if len(data) > _MOST_BYTES:
        problem = f"is longer than {_MOST_BYTES >> 20} MB"
        raise TooLongError(name, problem, "Keep one call of it: editcap cuts captures")
    kind = "rtpdump" if is_rtpdump(data) else "pcap"
    capture = (read_rtpdump if kind == "rtpdump" else read_pcap)(data, name=name)
    streams = find_streams(capture.datagrams)
    if not streams:
        problem = f"holds no stream of RTP in {len(capture.datagrams)} UDP packets"
        raise EmptyError(name, problem, "Capture the call itself, not its signalling")
    warnings = []
    if capture.is_cut_off:
        warnings.append("the capture ends within a packet")
    for place, stream in enumerate(streams):
        held = _held_by(stream, codec, fmt)
        if held is None:
            continue
        if len(streams) > 1:
            warnings.append(
                f"{len(streams)} streams of RTP: number {place + 1} by size is taken, "
                f"of SSRC 0x{stream.ssrc:08x}, {len(stream.packets)} packets"
            )
        return _taken(stream, kind, held, tuple(warnings))
    types = sorted({packet.payload_type for stream in streams for _, packet in stream.packets})
    problem = f"holds RTP of payload types {', '.join(map(str, types))}, expected Opus or G.711"
    raise FormatError(name, problem, "Say --codec where the type is dynamic (96 to 127)")


def _taken(
    stream: RtpStream, kind: str, held: tuple[Codec, StreamFormat, int], warnings: tuple[str, ...]
) -> CapturedStream:
    codec, fmt, payload_type = held
    # Captures of several interfaces are not always in order.
    packets = sorted(stream.packets, key=lambda timed: timed[0])
    start_s = packets[0][0]
    return CapturedStream(
        kind,
        codec,
        fmt,
        OPUS_CLOCK_HZ if codec == "opus" else fmt.sample_rate,
        payload_type,
        tuple((arrival_s - start_s, packet) for arrival_s, packet in packets),
        stream.n_lost,
        warnings,
    )


def _held_by(
    stream: RtpStream, codec: Codec | None, fmt: StreamFormat | None
) -> tuple[Codec, StreamFormat, int] | None:
    """Return codec, format and payload type of a stream; None where nobody knows."""
    counts: dict[int, int] = {}
    for _, packet in stream.packets:
        counts[packet.payload_type] = counts.get(packet.payload_type, 0) + 1
    for payload_type in sorted(counts, key=lambda kind: -counts[kind]):
        if payload_type in _STATIC:
            return *_STATIC[payload_type], payload_type
        if payload_type < _FIRST_DYNAMIC:
            continue
        packets = [packet for _, packet in stream.packets if packet.payload_type == payload_type]
        if codec == "opus" or (codec is None and _is_opus(packets)):
            return "opus", _opus_format(packets), payload_type
        if codec is not None:
            usual = StreamFormat(16_000 if codec == "pcm" else 8_000)
            return codec, fmt or usual, payload_type
    return None


def _is_opus(packets: Sequence[Packet]) -> bool:
    """Return whether packets are as far apart as they would sound if they were Opus."""
    n_steps = n_alike = 0
    for one, other in pairwise(packets):
        if sequence_distance(other.sequence, one.sequence) != 1:
            continue
        n_steps += 1
        try:
            n_alike += duration_48k(one.payload) == timestamp_distance(
                other.timestamp, one.timestamp
            )
        except MalformedPacketError:
            # One of another codec would be none of Opus.
            continue
    return n_steps > 0 and n_alike >= _LEAST_SHARE_IN_TIME * n_steps


def _opus_format(packets: Sequence[Packet]) -> StreamFormat:
    """Return the least format that loses nothing of what the packets say they hold."""
    rate, channels = 8_000, 1
    for packet in packets:
        try:
            found = parse_packet(packet.payload)
        except MalformedPacketError:
            # A damaged one says nothing.
            continue
        rate, channels = max(rate, _RATES[found.bandwidth]), max(channels, found.channels)
    return StreamFormat(rate, channels)
