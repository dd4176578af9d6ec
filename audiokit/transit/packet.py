"""RTP packets: from bytes and to bytes, and numbers that wrap around.

References:
    RFC 3550, sections 5.1 (fixed header) and 5.3.1 (extension); RFC 3551 (payload types);
    RFC 5761, section 4 (telling RTCP apart); RFC 7587 (Opus: always a clock of 48 kHz).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from audiokit.errors import MalformedPacketError

__all__ = [
    "COMFORT_NOISE",
    "OPUS_CLOCK_HZ",
    "TELEPHONE_EVENT",
    "Packet",
    "build_rtp",
    "parse_rtp",
    "sequence_distance",
    "timestamp_distance",
]

OPUS_CLOCK_HZ = 48_000
COMFORT_NOISE = 13
"""Payload type of RFC 3389."""
TELEPHONE_EVENT = 101
"""Payload type that RFC 4733's tones have by custom; it is dynamic, and this the usual one."""
_HEADER = struct.Struct("!BBHII")
_EXTENSION = struct.Struct("!HH")
_VERSION = 2
_HAS_PADDING, _HAS_EXTENSION = 0x20, 0x10


@dataclass(frozen=True, slots=True)
class Packet:
    """One encoded unit of a stream.

    Args:
        sequence: Counts packets, 0 to 65535, and wraps around.
        timestamp: Time of its first sample, in ticks of the codec's RTP clock, 32 bits.
        payload: What the codec wrote.
        payload_type: Which codec, 0 to 127.
        marker: Whether it begins a stretch of talk.
        ssrc: Which stream, 32 bits.
    """

    sequence: int
    timestamp: int
    payload: bytes
    payload_type: int = 96
    marker: bool = False
    ssrc: int = 0


def sequence_distance(newer: int, older: int) -> int:
    """Return how far one sequence number is after another, -32768 to 32767."""
    return ((newer - older + 0x8000) & 0xFFFF) - 0x8000


def timestamp_distance(newer: int, older: int) -> int:
    """Return how many ticks one timestamp is after another, -2**31 to 2**31 - 1."""
    return ((newer - older + 0x80000000) & 0xFFFFFFFF) - 0x80000000


def build_rtp(packet: Packet) -> bytes:
    """Return a packet as RTP; numbers are taken modulo their width."""
    return (
        _HEADER.pack(
            _VERSION << 6,
            packet.marker << 7 | packet.payload_type & 0x7F,
            packet.sequence & 0xFFFF,
            packet.timestamp & 0xFFFFFFFF,
            packet.ssrc & 0xFFFFFFFF,
        )
        + packet.payload
    )


def parse_rtp(data: bytes) -> Packet:
    """Read one RTP packet; contributing sources and extensions are skipped.

    Raises:
        MalformedPacketError: It is shorter than its header says, of another version, or RTCP.
    """
    if len(data) < _HEADER.size:
        raise MalformedPacketError(
            "RTP packet", f"is {len(data)} bytes, expected {_HEADER.size} or more"
        )
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != _VERSION:
        raise MalformedPacketError("RTP packet", f"is of version {first >> 6}, expected 2")
    if 192 <= second <= 223:
        raise MalformedPacketError("RTP packet", f"is of type {second}, which is RTCP's")
    begin = _payload_begin(data, first)
    end = len(data)
    if first & _HAS_PADDING:
        # The last byte counts the padding, itself included.
        n_padding = data[-1]
        if not 1 <= n_padding <= end - begin:
            raise MalformedPacketError(
                "RTP packet", f"has {n_padding} bytes of padding in {end - begin}"
            )
        end -= n_padding
    payload_type, marker = second & 0x7F, second > 0x7F
    return Packet(sequence, timestamp, bytes(data[begin:end]), payload_type, marker, ssrc)


def _payload_begin(data: bytes, first: int) -> int:
    begin = _HEADER.size + 4 * (first & 0x0F)
    if first & _HAS_EXTENSION:
        if len(data) < begin + _EXTENSION.size:
            raise MalformedPacketError("RTP packet", "ends before its header extension")
        _, n_words = _EXTENSION.unpack_from(data, begin)
        begin += _EXTENSION.size + 4 * n_words
    if begin > len(data):
        raise MalformedPacketError(
            "RTP packet", f"is {len(data)} bytes, expected {begin} for its header"
        )
    return begin
