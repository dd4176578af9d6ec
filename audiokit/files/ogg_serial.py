"""A fixed serial number for Ogg streams, so that the same audio gives the same file."""

from __future__ import annotations

import os
import struct
import zlib

from audiokit.files.output import Output

__all__ = ["FixedSerialOutput"]

_SERIAL = 1
_HEADER_BYTES = 27
# Each byte with its bits in reverse order.
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


class FixedSerialOutput:
    """Takes Ogg pages as libsndfile writes them, renumbers them and hands them on.

    libsndfile draws the stream's serial number at random. Only appends: that is all an
    Ogg writer does.

    References:
        RFC 3533, section 6: the page header.

    Args:
        output: Where the pages go.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._held = b""
        self._n_bytes = 0

    def write(self, data: bytes) -> int:
        """Take bytes; return how many, or 0 once the output has failed."""
        self._held += bytes(data)
        self._n_bytes += len(data)
        while (length := _page_length(self._held)) is not None:
            page, self._held = self._held[:length], self._held[length:]
            if not self._output.write(_renumbered(page)):
                return 0
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Answer the question for the length; the position is always the end."""
        del offset, whence
        return self._n_bytes

    def tell(self) -> int:
        """Return how many bytes have been taken."""
        return self._n_bytes


def _page_length(data: bytes) -> int | None:
    """Return the length of the page that the bytes begin with, if it is all there."""
    if len(data) < _HEADER_BYTES or len(data) < _HEADER_BYTES + data[26]:
        return None
    n_segments = data[26]
    length = _HEADER_BYTES + n_segments + sum(data[_HEADER_BYTES : _HEADER_BYTES + n_segments])
    return length if len(data) >= length else None


def _renumbered(page: bytes) -> bytes:
    blank = page[:14] + struct.pack("<I", _SERIAL) + page[18:22] + bytes(4) + page[26:]
    return blank[:22] + struct.pack("<I", _checksum(blank)) + blank[26:]


def _checksum(page: bytes) -> int:
    """Return the page's CRC-32: polynomial 04C11DB7, from 0, not reflected.

    zlib's is the same polynomial, reflected and complemented: bits are turned round on
    the way in and out, and the complement is undone.
    """
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)
