"""Records in a file that a power cut may end anywhere: length, checksum, sequence, bytes.

Big-endian: the bytes ``R`` and ``2``, the length of the content in 16 bits, its CRC-32 with the
sequence number in 32 bits, the sequence number in 32 bits, the content.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["MAX_RECORD_BYTES", "RECORD_OVERHEAD_BYTES", "RecordFile", "scan_records"]

_HEAD = struct.Struct(">2sHII")
_MARK = b"R2"
RECORD_OVERHEAD_BYTES = _HEAD.size
MAX_RECORD_BYTES = 2**16 - 1
_PIECE_BYTES = 1 << 20


def scan_records(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield ``(offset, sequence, content)`` of each whole record, whatever lies between them.

    Behind a torn or overwritten record the search goes on at the next mark whose checksum is
    right.
    """
    position = 0
    while (position := data.find(_MARK, position)) >= 0:
        record = _record_at(data, position)
        if record is None:
            position += 1
            continue
        yield position, *record
        position += RECORD_OVERHEAD_BYTES + len(record[1])


def _record_at(data: bytes, position: int) -> tuple[int, bytes] | None:
    if position + RECORD_OVERHEAD_BYTES > len(data):
        return None
    _, length, checksum, sequence = _HEAD.unpack_from(data, position)
    begin = position + RECORD_OVERHEAD_BYTES
    content = data[begin : begin + length]
    if len(content) != length or _checksum(sequence, content) != checksum:
        return None
    return sequence, content


def _checksum(sequence: int, content: bytes) -> int:
    return zlib.crc32(content, zlib.crc32(sequence.to_bytes(4, "big")))


class RecordFile:
    """A file of records that grows; only its owner may read it.

    Args:
        path: The file; made with mode 0600 where it is not there.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # Appending: a second writer, or a clock that jumps, cannot write over what is there.
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        self._descriptor = os.open(path, flags, 0o600)
        self.n_bytes = os.fstat(self._descriptor).st_size

    def append(self, sequence: int, content: bytes) -> int:
        """Add a record and return its offset; a failure leaves the file as it was.

        Raises:
            OSError: The disk is full, or the file system has gone.
        """
        offset = self.n_bytes
        head = _HEAD.pack(_MARK, len(content), _checksum(sequence, content), sequence)
        record = head + content
        try:
            n_written = os.write(self._descriptor, record)
            if n_written < len(record):
                # Full in mid-record: the next write tells why.
                n_written += os.write(self._descriptor, record[n_written:])
        except OSError:
            os.ftruncate(self._descriptor, offset)
            raise
        if n_written < len(record):
            os.ftruncate(self._descriptor, offset)
            raise OSError(errno.ENOSPC, "no space is left", str(self.path))
        self.n_bytes += len(record)
        return offset

    def read(self, offset: int) -> bytes:
        """Return the content of the record at an offset that `append` or `records` gave.

        Raises:
            OSError: It cannot be read, or is whole no more.
        """
        head = os.pread(self._descriptor, RECORD_OVERHEAD_BYTES, offset)
        if len(head) == RECORD_OVERHEAD_BYTES:
            length = _HEAD.unpack(head)[1]
            body = os.pread(self._descriptor, length, offset + RECORD_OVERHEAD_BYTES)
            if (record := _record_at(head + body, 0)) is not None:
                return record[1]
        raise OSError(errno.EIO, "a record has been damaged", str(self.path))

    def records(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield ``(offset, sequence, content)`` of every whole record, in a few MB of memory."""
        held, begin = b"", 0
        while piece := os.pread(self._descriptor, _PIECE_BYTES, begin + len(held)):
            held += piece
            kept = 0
            for offset, sequence, content in scan_records(held):
                yield begin + offset, sequence, content
                kept = offset + RECORD_OVERHEAD_BYTES + len(content)
            # What is longer than any record, and none, will not become one.
            kept = max(kept, len(held) - RECORD_OVERHEAD_BYTES - MAX_RECORD_BYTES)
            held, begin = held[kept:], begin + kept

    def sync_later(self) -> Callable[[], None]:
        """Return what brings all that was written so far through a power cut, when called.

        It may be called once, from any thread, and outlives `close`.
        """
        descriptor = os.dup(self._descriptor)

        def sync() -> None:
            try:
                getattr(os, "fdatasync", os.fsync)(descriptor)
            finally:
                os.close(descriptor)

        return sync

    def close(self) -> None:
        """Let go of the file; again, nothing happens."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
