"""Finding the pages in a stream of bytes, whatever else is in it.

References:
    RFC 3533, section 3 (pages are found again after damage) and section 6 (their header).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import final

from audiokit.files.ogg_pages import Page, first_page

__all__ = ["FoundPage", "PageScanner"]

_CAPTURE = b"OggS"
_HEADER_BYTES = 27
# What looks like a page and is none costs its length to refuse. A file made of such beginnings
# would cost 65 kB for each 27 bytes; damage costs less than this many times the file.
_MOST_REFUSED_PER_BYTE = 16
_ALLOWANCE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A page whose checksum is right.

    Args:
        serial: Number of the logical stream that it is of.
        page: What it holds.
    """

    serial: int
    page: Page


@final
class PageScanner:
    """Bytes to pages; what is damaged or of something else is passed over.

    Time is linear in the bytes, and memory bounded, whatever they are.

    Attributes:
        n_skipped_bytes: What was of no page.
        n_damaged: Beginnings of pages whose checksum was wrong.
    """

    def __init__(self) -> None:
        self.n_skipped_bytes = self.n_damaged = 0
        self._held = b""
        self._n_before = self._n_refused = 0

    def push(self, data: bytes) -> list[FoundPage]:
        """Take the next bytes; return the pages that are whole."""
        return self._scan(data, is_end=False)

    def flush(self) -> list[FoundPage]:
        """End the stream; return the pages within one that was cut off."""
        return self._scan(b"", is_end=True)

    def _scan(self, data: bytes, *, is_end: bool) -> list[FoundPage]:
        held = self._held + data if self._held else data
        pages: list[FoundPage] = []
        begin = 0
        while (at := held.find(_CAPTURE, begin)) >= 0:
            found = first_page(held, at) if self._may_try(at) else None
            if found is None:
                is_cut = self._may_try(at) and not is_end
                if is_cut:
                    break
                self.n_skipped_bytes += at + 4 - begin
                begin = at + 4
                continue
            page, end = found
            (serial,) = struct.unpack_from("<I", held, at + 14)
            if page.to_bytes(serial, page.number) != held[at:end]:
                self.n_damaged += 1
                self._n_refused += end - at
                self.n_skipped_bytes += at + 4 - begin
                begin = at + 4
                continue
            self.n_skipped_bytes += at - begin
            pages.append(FoundPage(serial, page))
            begin = end
        # The first bytes of a page may have come already.
        keep = at if at >= 0 else max(begin, len(held) - len(_CAPTURE) + 1)
        if is_end:
            keep = len(held)
        self.n_skipped_bytes += keep - begin
        self._held = held[keep:]
        self._n_before += keep
        return pages

    def _may_try(self, at: int) -> bool:
        allowed = _MOST_REFUSED_PER_BYTE * (self._n_before + at) + _ALLOWANCE_BYTES
        return self._n_refused <= allowed
