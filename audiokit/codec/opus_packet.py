"""What an Opus packet says about itself, without decoding it.

References:
    RFC 6716, section 3: the TOC byte and the four codes of framing; section 4.2.3: the flags
    of a SILK frame, among them that of the low-bitrate redundancy (LBRR), the in-band FEC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from audiokit.errors import MalformedPacketError

__all__ = [
    "MAX_PACKET_BYTES",
    "OpusPacket",
    "duration_48k",
    "frame_48k",
    "has_fec",
    "is_celt",
    "lost_packets",
    "not_a_packet",
    "parse_packet",
]

Mode = Literal["silk", "hybrid", "celt"]
Bandwidth = Literal["narrow", "medium", "wide", "superwide", "full"]

# Three frames of 20 ms at their longest (section 3.4, R2), and their framing.
MAX_PACKET_BYTES = 3 * 1275 + 7
_MAX_FRAME_BYTES = 1275
# 120 ms (section 3.4, R5).
_MAX_DURATION_48K = 5760
_SILK_48K, _CELT_48K = (480, 960, 1920, 2880), (120, 240, 480, 960)
# Table 2: for each of the 32 configurations, in steps of four or two.
_LAYOUT: tuple[tuple[Mode, Bandwidth, tuple[int, ...]], ...] = (
    ("silk", "narrow", _SILK_48K),
    ("silk", "medium", _SILK_48K),
    ("silk", "wide", _SILK_48K),
    ("hybrid", "superwide", (480, 960)),
    ("hybrid", "full", (480, 960)),
    ("celt", "narrow", _CELT_48K),
    ("celt", "wide", _CELT_48K),
    ("celt", "superwide", _CELT_48K),
    ("celt", "full", _CELT_48K),
)
_CONFIGURATIONS = tuple(
    (mode, bandwidth, n_samples) for mode, bandwidth, sizes in _LAYOUT for n_samples in sizes
)
_FRAME_48K = tuple(_CONFIGURATIONS[toc >> 3][2] for toc in range(256))
_FIRST_CELT_TOC = 16 << 3


@dataclass(frozen=True, slots=True)
class OpusPacket:
    """A packet taken apart.

    Args:
        mode: Which of the codec's layers it uses.
        bandwidth: Up to 4, 6, 8, 12 or 20 kHz.
        channels: 1 or 2.
        frame_ms: Length of each frame: 2.5 to 60.
        frames: The frames as they are coded; an empty one was lost or not sent (DTX).
    """

    mode: Mode
    bandwidth: Bandwidth
    channels: int
    frame_ms: float
    frames: tuple[bytes, ...]

    @property
    def duration_ms(self) -> float:
        """How long it sounds."""
        return self.frame_ms * len(self.frames)

    @property
    def is_pause(self) -> bool:
        """Whether nothing is coded: a pause (DTX), or the place of a packet that was lost."""
        return not any(self.frames)

    @property
    def has_fec(self) -> bool:
        """Whether it carries a copy of the frame before its first (section 4.2.3).

        The flags are coded evenly, so that they stand in the first bits as they are: one of
        voice activity for each 20 ms, then that of LBRR; in stereo again for the side.
        """
        if self.mode == "celt" or not self.frames[0]:
            return False
        first, n_silk = self.frames[0][0], max(1, int(self.frame_ms // 20))
        flags = first >> (7 - n_silk) & 1
        if self.channels == 2:
            flags |= first >> (6 - 2 * n_silk) & 1
        return bool(flags)


def not_a_packet(problem: str, expected: str) -> MalformedPacketError:
    """Return the error for bytes that are no Opus packet.

    Args:
        problem: What is wrong, as a clause: ``"is empty"``.
        expected: The rule.
    """
    return MalformedPacketError("Opus packet", f"{problem}, expected {expected}")


def duration_48k(payload: bytes) -> int:
    """Return how long a packet sounds, in samples at 48 kHz, by its first bytes.

    Raises:
        MalformedPacketError: It is empty, states no frames, or more than 120 ms of them.
    """
    if not payload:
        raise not_a_packet("is empty", "an Opus packet of one byte or more")
    toc = payload[0]
    code = toc & 3
    if code < 3:
        n_frames = 1 if code == 0 else 2
    elif len(payload) < 2:
        raise not_a_packet("ends before its frame count", "a second byte (RFC 6716, 3.2.5)")
    else:
        n_frames = payload[1] & 63
    n_samples = n_frames * _FRAME_48K[toc]
    if not 0 < n_samples <= _MAX_DURATION_48K:
        raise not_a_packet(
            f"states {n_frames} frames of {_FRAME_48K[toc] / 48:g} ms", "1 to 120 ms"
        )
    return n_samples


def frame_48k(payload: bytes) -> int:
    """Return how long each frame of a packet sounds, in samples at 48 kHz, by its first byte."""
    return _FRAME_48K[payload[0]]


def is_celt(payload: bytes) -> bool:
    """Return whether a packet is in the mode that has no redundancy."""
    return payload[0] >= _FIRST_CELT_TOC


def has_fec(payload: bytes) -> bool:
    """Return whether a packet carries a copy of what was before it.

    Raises:
        MalformedPacketError: It is no Opus packet.
    """
    duration_48k(payload)
    return not is_celt(payload) and parse_packet(payload).has_fec


def parse_packet(payload: bytes) -> OpusPacket:
    """Take a packet apart.

    Raises:
        MalformedPacketError: It breaks one of the rules R1 to R7 of RFC 6716, section 3.4.
    """
    duration_48k(payload)
    mode, bandwidth, n_samples = _CONFIGURATIONS[payload[0] >> 3]
    frames = _frames(payload)
    if max(map(len, frames)) > _MAX_FRAME_BYTES:
        raise not_a_packet(f"holds a frame of {max(map(len, frames))} bytes", "1275 at most")
    channels = 2 if payload[0] & 4 else 1
    return OpusPacket(mode, bandwidth, channels, n_samples / 48, frames)


def lost_packets(toc: int, n_samples_48k: int) -> list[bytes]:
    """Return packets of a TOC byte alone, which hold the place of what was lost.

    Args:
        toc: The first byte of a packet nearby, whose mode, bandwidth and channels they take.
        n_samples_48k: How much was lost, at 48 kHz; what is less than 2.5 ms is left out.

    References:
        RFC 7845, section 4.1: repairing gaps in real-time streams.
    """
    packets: list[bytes] = []
    mode, bandwidth, _ = _CONFIGURATIONS[toc >> 3]
    alike = [
        (size, number)
        for number, (each, width, size) in enumerate(_CONFIGURATIONS)
        if (each, width) == (mode, bandwidth)
    ]
    # CELT alone has frames below 10 ms.
    short = [(size, number) for number, (_, _, size) in enumerate(_CONFIGURATIONS) if size < 480]
    own = (_CONFIGURATIONS[toc >> 3][2], toc >> 3)
    for size, number in [own, *sorted(alike, reverse=True), *sorted(short, reverse=True)]:
        n_fit, n_samples_48k = divmod(n_samples_48k, size)
        packets += [bytes([number << 3 | toc & 4])] * n_fit
    return packets


def _frames(payload: bytes) -> tuple[bytes, ...]:
    code, rest = payload[0] & 3, payload[1:]
    if code == 0:
        return (rest,)
    if code == 1:
        return _equal(rest, 2)
    if code == 2:
        size, start = _length_at(rest, 0)
        if start + size > len(rest):
            raise _too_short(size, len(rest) - start)
        return rest[start : start + size], rest[start + size :]
    return _many(rest)


def _many(rest: bytes) -> tuple[bytes, ...]:
    """Return the frames of code 3 (section 3.2.5): any number, perhaps padded."""
    count = rest[0]
    n_frames, position = count & 63, 1
    n_padding = 0
    if count & 64:
        while True:
            if position >= len(rest):
                raise not_a_packet("ends within its padding", "as much as it states")
            byte = rest[position]
            position += 1
            n_padding += min(byte, 254)
            if byte < 255:
                break
    sizes: list[int] = []
    if count & 128:
        for _ in range(n_frames - 1):
            size, position = _length_at(rest, position)
            sizes.append(size)
    end = len(rest) - n_padding
    if end - position < sum(sizes):
        raise _too_short(sum(sizes) + n_padding, len(rest) - position)
    if not count & 128:
        return _equal(rest[position:end], n_frames)
    frames = []
    for size in sizes:
        frames.append(rest[position : position + size])
        position += size
    return (*frames, rest[position:end])


def _equal(data: bytes, n_frames: int) -> tuple[bytes, ...]:
    size, left = divmod(len(data), n_frames)
    if left:
        raise not_a_packet(f"holds {len(data)} bytes for {n_frames} equal frames", "a multiple")
    return (
        tuple(data[start : start + size] for start in range(0, size * n_frames, size or 1))[
            :n_frames
        ]
        or (b"",) * n_frames
    )


def _length_at(data: bytes, position: int) -> tuple[int, int]:
    """Return a frame's length and where it ends (section 3.2.1)."""
    if position >= len(data) or (data[position] >= 252 and position + 1 >= len(data)):
        raise not_a_packet("ends within the length of a frame", "the length and the frame")
    first = data[position]
    if first < 252:
        return first, position + 1
    return first + 4 * data[position + 1], position + 2


def _too_short(stated: int, found: int) -> MalformedPacketError:
    return not_a_packet(
        f"states {stated} bytes of frames and holds {found}", "as many as it states"
    )
