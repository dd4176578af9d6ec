"""Files of rows behind a head that tells how many there are."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import BlockError
from audiokit.files.atomic import replacing
from audiokit.files.staged import StagedOutput

__all__ = ["GrowingFile"]


class GrowingFile(StagedOutput):
    """A head of fixed length, then float32 rows, little-endian.

    A context manager: on a clean exit the head is written again with the number of rows, and
    the file takes its place; after an error nothing is left.

    Args:
        target: The file; its folders are made.
        n_columns: How many columns the rows have.
    """

    def __init__(self, target: Path, n_columns: int) -> None:
        super().__init__()
        self.n_columns = n_columns
        self._target = target
        self._n_rows = 0

    def append(self, rows: NDArray[np.float32]) -> None:
        """Add rows, float32, ``(rows, columns)``.

        Raises:
            BlockError: They have another shape.
            OSError: A fault of the disk, which the ``with`` statement turns into a
                `ResourceError`.
        """
        if rows.ndim != 2 or rows.shape[1] != self.n_columns:
            raise BlockError(f"has shape {rows.shape}", f"(rows, {self.n_columns})")
        self._file.write(rows.astype("<f4").tobytes())
        self._n_rows += len(rows)

    @abstractmethod
    def write_head(self, file: BinaryIO, n_rows: int) -> None:
        """Write the head, of the same length for any number of rows."""

    def begin(self, stack: ExitStack) -> None:
        temporary = stack.enter_context(replacing(self._target))
        self._file = stack.enter_context(temporary.open("w+b"))
        self.write_head(self._file, 0)

    def complete(self) -> None:
        self._file.seek(0)
        self.write_head(self._file, self._n_rows)
