"""Rows of features kept for a second pass: in memory while they are few, on disk beyond."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import final

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import item_error_from_os
from audiokit.files.row_groups import RowGroups

__all__ = ["RowSpool"]

_MEMORY_BYTES = 8 << 20
_GROUP_ROWS = 2048
_VALUE_BYTES = 4


@final
class RowSpool:
    """Keep rows, and give them back as often as asked: rows in order, or one column.

    A context manager. The file has no name, so nothing is left behind even by a killed
    process. In it groups of rows lie column by column, so that either way costs one pass.

    Args:
        n_columns: How many columns the rows have.
        folder: Where the file is made once memory is not enough.

    Attributes:
        n_rows: How many rows were added.
    """

    def __init__(self, n_columns: int, folder: Path) -> None:
        self.n_rows = 0
        self._n_columns, self._folder = n_columns, folder
        self._groups = RowGroups(_GROUP_ROWS)
        self._n_written = 0
        self._file = SpooledTemporaryFile(  # noqa: SIM115  `close` does
            max_size=_MEMORY_BYTES, mode="w+b", dir=str(folder)
        )

    def append(self, rows: NDArray[np.float32]) -> None:
        """Add rows, ``(rows, columns)``.

        Raises:
            DiskFullError: No space is left in the folder.
            PermissionDeniedError: The folder may not be written.
            ResourceError: Another fault of the disk.
        """
        self.n_rows += len(rows)
        for group in self._groups.push(rows):
            try:
                self._file.seek(self._n_written * self._n_columns * _VALUE_BYTES)
                self._file.write(np.ascontiguousarray(group.T).tobytes())
            except OSError as error:
                raise item_error_from_os(error, str(self._folder)) from error
            self._n_written += len(group)

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[NDArray[np.float32]]:
        """Yield rows from `start` up to `stop`, in pieces, ``(rows, columns)``; all by default."""
        stop = self.n_rows if stop is None else stop
        for first in range(start - start % _GROUP_ROWS, stop, _GROUP_ROWS):
            group = self._group(first)
            yield np.ascontiguousarray(group[max(0, start - first) : stop - first])

    def column(self, number: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Return one column from row `start` up to `stop`, ``(rows,)``; all of it by default."""
        stop = self.n_rows if stop is None else stop
        values = np.empty(stop - start, np.float32)
        for first in range(start - start % _GROUP_ROWS, stop, _GROUP_ROWS):
            low, high = max(start, first), min(stop, first + _GROUP_ROWS)
            if first >= self._n_written:
                piece = self._held()[low - first : high - first, number]
            else:
                place = (first * self._n_columns + number * _GROUP_ROWS + low - first) * 4
                piece = self._read(place, high - low)
            values[low - start : high - start] = piece
        return values

    def close(self) -> None:
        """Give the memory or the disk space back."""
        # What a full disk refused is tried once more here; it is no longer wanted.
        with suppress(OSError):
            self._file.close()

    def __enter__(self) -> RowSpool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _group(self, first: int) -> NDArray[np.float32]:
        if first >= self._n_written:
            return self._held()
        values = self._read(first * self._n_columns * _VALUE_BYTES, _GROUP_ROWS * self._n_columns)
        group: NDArray[np.float32] = values.reshape(self._n_columns, _GROUP_ROWS).T
        return group

    def _held(self) -> NDArray[np.float32]:
        rest = self._groups.rest()
        return np.zeros((0, self._n_columns), np.float32) if rest is None else rest

    def _read(self, place: int, n_values: int) -> NDArray[np.float32]:
        try:
            self._file.seek(place)
            held = self._file.read(n_values * _VALUE_BYTES)
        except OSError as error:
            raise item_error_from_os(error, str(self._folder)) from error
        return np.frombuffer(held, np.float32)
