"""A stream kept for a second pass: in memory while it is short, on disk beyond."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import final

import numpy as np

from audiokit.errors import item_error_from_os
from audiokit.stage import Block, StreamFormat

__all__ = ["BlockSpool"]

_BYTES_PER_VALUE = 4


@final
class BlockSpool:
    """Keep the blocks of a stream, and give them back as often as asked.

    The file has no name, so nothing is left behind even by a killed process.

    Args:
        fmt: Format of the stream.
        folder: Where the file is made once memory is not enough; beside the output, as
            the system's own folder for temporary files is often small.
        memory_bytes: How much is kept in memory.

    Attributes:
        n_samples: How much was written.
    """

    def __init__(self, fmt: StreamFormat, folder: Path, memory_bytes: int = 8 << 20) -> None:
        self.fmt = fmt
        self.n_samples = 0
        self._folder = folder
        self._file = SpooledTemporaryFile(  # noqa: SIM115  `close` does
            max_size=memory_bytes, mode="w+b", dir=str(folder)
        )

    def write(self, block: Block) -> None:
        """Add the next block, ``(samples, channels)``.

        Raises:
            DiskFullError: No space is left in the folder.
            PermissionDeniedError: The folder may not be written.
            ResourceError: Another fault of the disk.
        """
        try:
            self._file.seek(self._place(self.n_samples))
            self._file.write(block.data if block.size else b"")
        except OSError as error:
            raise item_error_from_os(error, str(self._folder)) from error
        self.n_samples += len(block)

    def clear(self) -> None:
        """Begin anew: what was written is no longer given back."""
        self.n_samples = 0

    def blocks(self, block_samples: int) -> Iterator[Block]:
        """Yield the stream from its start, in blocks of this length; the last is shorter.

        Raises:
            DiskFullError: What was written last did not fit.
            ResourceError: Another fault of the disk.
        """
        for start in range(0, self.n_samples, block_samples):
            wanted = min(block_samples, self.n_samples - start)
            try:
                self._file.seek(self._place(start))
                held = self._file.read(self._place(wanted))
            except OSError as error:
                raise item_error_from_os(error, str(self._folder)) from error
            # A copy, so that the block may be written to like any other.
            yield np.frombuffer(held, np.float32).reshape(-1, self.fmt.channels).copy()

    def close(self) -> None:
        """Give the memory or the disk space back."""
        # What a full disk refused is tried once more here; it is no longer wanted.
        with suppress(OSError):
            self._file.close()

    def __enter__(self) -> BlockSpool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _place(self, n_samples: int) -> int:
        return n_samples * self.fmt.channels * _BYTES_PER_VALUE
