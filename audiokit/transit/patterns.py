"""Losses packet by packet: as text of 0 and 1, and as ITU-T G.192 has them.

References:
    ITU-T G.192 (03/96), annex B: a frame is announced by the word 0x6B21, or by 0x6B20 where it
    is erased. ITU-T G.191's tools write error patterns with these words alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from audiokit.errors import CorruptError, EmptyError, FormatError

__all__ = ["pattern_g192", "pattern_text", "read_pattern"]

_GOOD, _ERASED = 0x6B21, 0x6B20
_PER_LINE = 80


def read_pattern(data: bytes, *, name: str = "pattern") -> tuple[bool, ...]:
    """Read a loss pattern: text of 0 (received) and 1 (lost), or G.192.

    In text, white space and commas do not matter, and ``#`` begins a comment. In G.192, words
    are little-endian, and the soft bits of frames, where there are any, are skipped.

    Args:
        data: The whole file.
        name: What to call it in errors.

    Returns:
        True where a packet is lost.

    Raises:
        EmptyError: It holds no packet.
        FormatError: It is neither; of text the line is said.
        CorruptError: G.192 that breaks off, or is out of step.
    """
    if data[:2] in {struct.pack("<H", word) for word in (_GOOD, _ERASED)}:
        losses = _from_g192(data, name)
    else:
        losses = _from_text(data, name)
    if not losses:
        raise EmptyError(name, "holds no packet")
    return tuple(losses)


def pattern_text(losses: Iterable[bool]) -> str:
    """Return a pattern as text, 80 packets to a line."""
    digits = "".join("1" if lost else "0" for lost in losses)
    lines = [digits[at : at + _PER_LINE] for at in range(0, len(digits), _PER_LINE)]
    return "\n".join([*lines, ""])


def pattern_g192(losses: Iterable[bool]) -> bytes:
    """Return a pattern as words of G.192, without soft bits."""
    return b"".join(struct.pack("<H", _ERASED if lost else _GOOD) for lost in losses)


def _from_text(data: bytes, name: str) -> list[bool]:
    losses = []
    for number, line in enumerate(data.split(b"\n"), 1):
        text = line.partition(b"#")[0]
        for byte in text:
            if byte in b"01":
                losses.append(byte == ord("1"))
            elif byte not in b" \t\r,":
                found = ascii(chr(byte))
                problem = f"line {number} holds {found}, expected 0 and 1, or words of G.192"
                raise FormatError(name, problem)
    return losses


def _from_g192(data: bytes, name: str) -> list[bool]:
    if len(data) % 2:
        raise CorruptError(name, f"is {len(data)} bytes of G.192, expected an even number")
    words = struct.unpack(f"<{len(data) // 2}H", data)
    losses, at = [], 0
    while at < len(words):
        if words[at] not in {_GOOD, _ERASED}:
            problem = f"word {at} is 0x{words[at]:04X}, expected 0x6B21 or 0x6B20"
            raise CorruptError(name, problem)
        losses.append(words[at] == _ERASED)
        at += 1
        # A length and as many soft bits follow, but in patterns.
        if at < len(words) and words[at] not in {_GOOD, _ERASED}:
            if at + 1 + words[at] > len(words):
                raise CorruptError(name, f"ends within the bits of frame {len(losses)}")
            at += 1 + words[at]
    return losses
