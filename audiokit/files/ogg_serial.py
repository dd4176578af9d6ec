"""A fixed serial number for Ogg streams, so that the same audio gives the same file."""

from __future__ import annotations

import os

from audiokit.files.cover import Cover
from audiokit.files.ogg_pages import Page, first_page, packets_of, paged
from audiokit.files.output import Output
from audiokit.files.vorbis_comment import with_cover

__all__ = ["FixedSerialOutput"]

_SERIAL = 1


class FixedSerialOutput:
    """Takes Ogg pages as libsndfile writes them, renumbers them and hands them on.

    libsndfile draws the stream's serial number at random, and knows no covers: one is
    added to the comments on the way. Only appends: that is all an Ogg writer does.

    Args:
        output: Where the pages go.
        n_comment_packets: How many packets follow the first page before the sound: the
            comments, and in Vorbis the codebooks.
        cover: The picture to add.
    """

    def __init__(
        self, output: Output, *, n_comment_packets: int, cover: Cover | None = None
    ) -> None:
        self._output, self._cover = output, cover
        self._n_awaited = n_comment_packets if cover is not None else 0
        self._head: list[Page] = []
        self._n_added = 0
        self._held = b""
        self._n_bytes = 0

    def write(self, data: bytes) -> int:
        """Take bytes; return how many, or 0 once the output has failed."""
        self._held += bytes(data)
        self._n_bytes += len(data)
        while (found := first_page(self._held)) is not None:
            page, length = found
            self._held = self._held[length:]
            for ready in self._ready(page):
                if not self._output.write(ready.to_bytes(_SERIAL, ready.number)):
                    return 0
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Answer the question for the length; the position is always the end."""
        del offset, whence
        return self._n_bytes

    def tell(self) -> int:
        """Return how many bytes have been taken."""
        return self._n_bytes

    def _ready(self, page: Page) -> list[Page]:
        """Return the pages that may go out, in their places."""
        if self._cover is None:
            return [page]
        if page.number == 0 or not self._n_awaited:
            moved = page.number + self._n_added
            return [Page(page.flags, page.granule, moved, page.lacing, page.body)]
        self._head.append(page)
        self._n_awaited -= page.n_ends
        if self._n_awaited:
            return []
        comments, *others = packets_of(self._head)
        pages = paged([with_cover(comments, self._cover), *others], number=1)
        self._n_added = len(pages) - len(self._head)
        return pages
