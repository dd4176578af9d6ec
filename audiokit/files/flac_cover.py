"""A cover put into a FLAC file while libsndfile writes it."""

from __future__ import annotations

import os

from audiokit.files.cover import Cover, picture_block
from audiokit.files.output import SeekableOutput

__all__ = ["FlacCoverOutput"]

# The marker, and STREAMINFO with its header: libFLAC comes back to complete it.
_HEAD_BYTES = 4 + 4 + 34
_PICTURE_BLOCK = 6


class FlacCoverOutput:
    """Takes a FLAC file, and hands it on with a PICTURE block behind STREAMINFO.

    Whoever writes sees none of it: positions are as if the block were not there.

    References:
        RFC 9639, section 8.

    Args:
        output: Where the file goes.
        cover: The picture; its block must fit the 24 bits of a length.
    """

    def __init__(self, output: SeekableOutput, cover: Cover) -> None:
        self._output = output
        content = picture_block(cover)
        # Not the last block: libFLAC always writes comments behind STREAMINFO.
        self._block = bytes([_PICTURE_BLOCK]) + len(content).to_bytes(3, "big") + content
        self._is_there = False

    def write(self, data: bytes) -> int:
        """Take bytes; return how many, or 0 once the output has failed."""
        position = self.tell()
        head = bytes(data)[: max(0, _HEAD_BYTES - position)]
        tail = bytes(data)[len(head) :]
        if self._output.write(head) < len(head):
            return 0
        if position + len(head) == _HEAD_BYTES and not self._is_there:
            self._is_there = True
            if not self._output.write(self._block):
                return 0
        return len(data) if self._output.write(tail) == len(tail) else 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, as a binary file does."""
        if whence == os.SEEK_CUR:
            offset += self.tell()
        elif whence == os.SEEK_END:
            offset += self._without(self._output.seek(0, os.SEEK_END))
        is_behind = self._is_there and offset >= _HEAD_BYTES
        return self._without(self._output.seek(offset + len(self._block) * is_behind))

    def tell(self) -> int:
        """Return the position, as a binary file does."""
        return self._without(self._output.tell())

    def _without(self, position: int) -> int:
        return position - len(self._block) * (self._is_there and position > _HEAD_BYTES)
