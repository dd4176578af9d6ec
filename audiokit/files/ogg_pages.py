"""Ogg pages: taking them apart and making them.

References:
    RFC 3533, section 6: the page header.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Page", "first_page", "packets_of", "paged"]

_HEADER_BYTES = 27
_MOST_SEGMENTS = 255
_CONTINUED = 1
# No packet ends on this page.
_NO_GRANULE = b"\xff" * 8
# Each byte with its bits in reverse order.
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Args:
        flags: 1: goes on with a packet; 2: the first page; 4: the last.
        granule: Eight bytes of position.
        number: Counted from 0.
        lacing: Lengths of its segments, 0 to 255; less than 255 ends a packet.
        body: The segments.
    """

    flags: int
    granule: bytes
    number: int
    lacing: bytes
    body: bytes

    @property
    def n_ends(self) -> int:
        """How many packets end on it."""
        return sum(length < _MOST_SEGMENTS for length in self.lacing)

    def to_bytes(self, serial: int, number: int) -> bytes:
        """Return the page as part of a stream of this serial number, at this place."""
        numbers = struct.pack("<II", serial, number)
        start = b"OggS\0" + bytes([self.flags]) + self.granule + numbers
        end = bytes([len(self.lacing)]) + self.lacing + self.body
        return start + struct.pack("<I", _checksum(start + bytes(4) + end)) + end


def first_page(data: bytes, begin: int = 0) -> tuple[Page, int] | None:
    """Return a page and where it ends; None until it is all there.

    Args:
        data: Pages, the last one perhaps cut.
        begin: Where the page begins.
    """
    lacing_at = begin + _HEADER_BYTES
    if len(data) < lacing_at or len(data) < lacing_at + data[begin + 26]:
        return None
    body_at = lacing_at + data[begin + 26]
    lacing = data[lacing_at:body_at]
    end = body_at + sum(lacing)
    if len(data) < end:
        return None
    (number,) = struct.unpack_from("<I", data, begin + 18)
    granule = data[begin + 6 : begin + 14]
    return Page(data[begin + 5], granule, number, lacing, data[body_at:end]), end


def packets_of(pages: Iterable[Page]) -> list[bytes]:
    """Return the whole packets on pages of one stream, which begin with a fresh one."""
    packets: list[bytes] = []
    parts: list[bytes] = []
    for page in pages:
        start = 0
        for length in page.lacing:
            parts.append(page.body[start : start + length])
            start += length
            if length < _MOST_SEGMENTS:
                packets.append(b"".join(parts))
                parts = []
    return packets


def paged(packets: Sequence[bytes], *, number: int) -> list[Page]:
    """Return header packets on pages of their own; their position is 0.

    Args:
        packets: In order.
        number: The first page's.
    """
    lacing = b"".join(
        b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in packets
    )
    body = b"".join(packets)
    pages: list[Page] = []
    flags = 0
    for first in range(0, len(lacing), _MOST_SEGMENTS):
        piece = lacing[first : first + _MOST_SEGMENTS]
        has_end = any(length < _MOST_SEGMENTS for length in piece)
        granule = bytes(8) if has_end else _NO_GRANULE
        pages.append(Page(flags, granule, number + len(pages), piece, body[: sum(piece)]))
        body = body[sum(piece) :]
        flags = _CONTINUED if piece[-1] == _MOST_SEGMENTS else 0
    return pages


def _checksum(page: bytes) -> int:
    """Return the page's CRC-32: polynomial 04C11DB7, from 0, not reflected.

    zlib's is the same polynomial, reflected and complemented: bits are turned round on
    the way in and out, and the complement is undone.
    """
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)
