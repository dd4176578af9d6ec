"""Binary messages: audio packets of an 8-byte header and length-prefixed frames.

All integers are big-endian::

    byte 0   version (high four bits), flags (low four): 1 backfill, 2 speech, 4 end
    byte 1   number of frames
    byte 2   level in -dBov: 0 is full scale, 127 digital silence
    byte 3   zero
    byte 4   sequence number, 32 bits
    then     each frame: its length in one or two bytes, its bytes
    then     if end: samples of padding in the last frames, 16 bits

A frame of no bytes is one that the encoder did not send (DTX). When a frame was heard follows
from the sequence number and the time base of the session.

References:
    RFC 6716, 3.2.1: the one- or two-byte length. RFC 6464, 3: the level in -dBov.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from audiokit.errors import LocalProtocolError, PeerProtocolError

__all__ = [
    "BACKFILL",
    "END",
    "HEADER_BYTES",
    "MAX_FRAMES",
    "MAX_FRAME_BYTES",
    "MAX_SEQUENCE",
    "SILENCE_DBOV",
    "SPEECH",
    "VERSION",
    "AudioPacket",
    "as_backfill",
    "decode_packet",
    "encode_packet",
    "is_end",
    "is_speech",
    "sequence_of",
]

VERSION = 1
BACKFILL, SPEECH, END = 1, 2, 4
HEADER_BYTES = 8
MAX_SEQUENCE = 2**32 - 1
MAX_FRAMES = 48
"""100 ms of the shortest Opus frames, 2.5 ms each, and what the end of a stream adds."""
MAX_FRAME_BYTES = 1275
"""RFC 6716, 3.4: the largest Opus frame."""
SILENCE_DBOV = -127

_HEADER = struct.Struct(">BBBBI")
_PADDING = struct.Struct(">H")
_MAX_PADDING = 2**16 - 1
_KNOWN_FLAGS = BACKFILL | SPEECH | END
# RFC 6716, 3.2.1: up to 251 in one byte, then 252 to 255 and four times a second byte.
_ONE_BYTE = 252


@dataclass(frozen=True, slots=True)
class AudioPacket:
    """A run of encoded frames.

    Args:
        sequence: Position in the session, 0 to 2³²-1.
        frames: Encoded frames in order; an empty one was not sent.
        level_dbov: Power over that of a full-scale square wave, -127 to 0 dBov.
        is_backfill: Whether it was recorded earlier and waited for the connection.
        is_speech: Whether the sender heard a voice in it.
        is_end: Whether it is the last of its session; it may then have no frames.
        padding_samples: How many samples at the end were not recorded, 0 to 65535; only
            in the last packet.
    """

    sequence: int
    frames: tuple[bytes, ...] = ()
    level_dbov: int = SILENCE_DBOV
    is_backfill: bool = False
    is_speech: bool = False
    is_end: bool = False
    padding_samples: int = 0


def encode_packet(packet: AudioPacket) -> bytes:
    """Return a packet's bytes.

    Raises:
        LocalProtocolError: It holds what the format cannot carry.
    """
    _check(packet)
    flags = BACKFILL * packet.is_backfill | SPEECH * packet.is_speech | END * packet.is_end
    head = _HEADER.pack(
        VERSION << 4 | flags, len(packet.frames), -packet.level_dbov, 0, packet.sequence
    )
    parts = [head]
    for frame in packet.frames:
        parts += (_length_bytes(len(frame)), frame)
    if packet.is_end:
        parts.append(_PADDING.pack(packet.padding_samples))
    return b"".join(parts)


def decode_packet(data: bytes) -> AudioPacket:
    """Return the packet that bytes stand for.

    Raises:
        PeerProtocolError: They stand for none of this version.
    """
    if len(data) < HEADER_BYTES:
        raise _malformed(f"is {len(data)} bytes long, expected {HEADER_BYTES} or more")
    first, n_frames, level, spare, sequence = _HEADER.unpack_from(data)
    if first >> 4 != VERSION:
        raise _malformed(f"has version {first >> 4}, expected {VERSION}")
    if first & 0x0F & ~_KNOWN_FLAGS or spare:
        raise _malformed("sets bits that have no meaning")
    if n_frames > MAX_FRAMES or level > -SILENCE_DBOV:
        raise _malformed(f"says {n_frames} frames at -{level} dBov")
    frames, position = _frames(data, n_frames)
    padding = 0
    if first & END:
        if len(data) - position != _PADDING.size:
            raise _malformed("does not end behind its padding")
        (padding,) = _PADDING.unpack_from(data, position)
    elif position != len(data):
        raise _malformed(f"has {len(data) - position} bytes behind its last frame")
    return AudioPacket(
        sequence,
        frames,
        -level,
        is_backfill=bool(first & BACKFILL),
        is_speech=bool(first & SPEECH),
        is_end=bool(first & END),
        padding_samples=padding,
    )


def sequence_of(data: bytes) -> int:
    """Return the sequence number of a packet's bytes, without reading the rest."""
    return int.from_bytes(data[4:HEADER_BYTES], "big")


def is_end(data: bytes) -> bool:
    """Return whether a packet's bytes are the last of their session."""
    return bool(data[0] & END)


def is_speech(data: bytes) -> bool:
    """Return whether a packet's bytes are said to hold a voice."""
    return bool(data[0] & SPEECH)


def as_backfill(data: bytes) -> bytes:
    """Return a packet's bytes, said to have waited."""
    return bytes((data[0] | BACKFILL,)) + data[1:]


def _frames(data: bytes, n_frames: int) -> tuple[tuple[bytes, ...], int]:
    frames = []
    position = HEADER_BYTES
    for _ in range(n_frames):
        if position >= len(data):
            raise _malformed("ends before its last frame")
        length = data[position]
        position += 1
        if length >= _ONE_BYTE:
            if position >= len(data):
                raise _malformed("ends within a length")
            length += 4 * data[position]
            position += 1
        if position + length > len(data):
            raise _malformed("ends within a frame")
        frames.append(data[position : position + length])
        position += length
    return tuple(frames), position


def _length_bytes(length: int) -> bytes:
    if length < _ONE_BYTE:
        return bytes((length,))
    first = _ONE_BYTE + (length & 3)
    return bytes((first, (length - first) // 4))


def _check(packet: AudioPacket) -> None:
    for name, value, lowest, highest in (
        ("sequence", packet.sequence, 0, MAX_SEQUENCE),
        ("number of frames", len(packet.frames), 0, MAX_FRAMES),
        ("longest frame", max(map(len, packet.frames), default=0), 0, MAX_FRAME_BYTES),
        ("level_dbov", packet.level_dbov, SILENCE_DBOV, 0),
        ("padding_samples", packet.padding_samples, 0, _MAX_PADDING if packet.is_end else 0),
    ):
        if not lowest <= value <= highest:
            raise LocalProtocolError(
                "packet", f"{name} is {value}, expected {lowest} to {highest}"
            )


def _malformed(problem: str) -> PeerProtocolError:
    return PeerProtocolError("audio packet", problem, "The other end broke the protocol.")
