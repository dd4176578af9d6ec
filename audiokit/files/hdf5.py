"""HDF5 files whose arrays grow: the same bytes every time."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import MissingExtraError
from audiokit.files.atomic import replacing
from audiokit.files.growing_arrays import GrowingArrays

__all__ = ["Hdf5Writer", "check_hdf5"]

# More than the indices and headers that one call adds.
_MARGIN_BYTES = 1 << 16
_PIECE_BYTES = 1 << 20
# What a word takes in the file beyond its letters: a reference to it, its size, and padding.
_WORD_BYTES = 64


def check_hdf5() -> None:
    """Import what writes HDF5.

    Raises:
        MissingExtraError: h5py is not installed, or its installation is broken.
    """
    try:
        import h5py  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("HDF5", "tables") from error


@final
class Hdf5Writer(GrowingArrays):
    """Write an HDF5 file whose datasets grow along their first axis.

    A context manager: on a clean exit the file takes its place; after an error nothing is
    left. The HDF5 library ends the process when a disk is full, so it never meets one: room
    is taken before each group, by Python, whose errors can be caught.

    Args:
        target: The file; its folders are made.

    Raises:
        MissingExtraError: h5py is not installed.
    """

    GROUP_ROWS = 1024

    def __init__(self, target: Path) -> None:
        check_hdf5()
        super().__init__()
        self._target = target

    def note(self, name: str, value: float | str) -> None:
        self._reserve(len(str(value).encode()))
        self._file.attrs[name] = value

    def name(self, name: str, words: Sequence[str]) -> None:
        # A dataset, since attributes hold 64 KiB at most.
        import h5py

        data = np.array([word.encode() for word in words], object)
        self._reserve(sum(len(word) + _WORD_BYTES for word in data))
        self._file.create_dataset(name, data=data, dtype=h5py.string_dtype(), track_times=False)

    def create(self, name: str, rows: NDArray[Any]) -> None:
        self._reserve(0)
        self._file.create_dataset(
            name,
            shape=(0, *rows.shape[1:]),
            maxshape=(None, *rows.shape[1:]),
            chunks=(self.GROUP_ROWS, *rows.shape[1:]),
            dtype=rows.dtype,
            track_times=False,
        )

    def array(self, name: str) -> Any:
        return self._file[name]

    def before_group(self, rows: NDArray[Any]) -> None:
        # A chunk is as long in the file when it is not full.
        row_bytes = rows.dtype.itemsize * math.prod(rows.shape[1:])
        self._reserve(self.GROUP_ROWS * row_bytes)

    def begin(self, stack: ExitStack) -> None:
        temporary = stack.enter_context(replacing(self._target))
        self._file = stack.enter_context(_open(temporary))
        self._n_reserved = os.fstat(self._descriptor).st_size
        self._reserve(0)

    def complete(self) -> None:
        super().complete()
        self._reserve(0)

    @property
    def _descriptor(self) -> int:
        descriptor: int = self._file.id.get_vfd_handle()
        return descriptor

    def _reserve(self, n_bytes: int) -> None:
        """Take room on the disk for so many bytes and what the library writes around them.

        Raises:
            OSError: There is none.
        """
        needed = self._file.id.get_filesize() + n_bytes + _MARGIN_BYTES
        while self._n_reserved < needed:
            # Zeros, since a file's holes have no room; nothing was written behind this place.
            piece = bytes(min(_PIECE_BYTES, needed - self._n_reserved))
            self._n_reserved += os.pwrite(self._descriptor, piece, self._n_reserved)


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    import h5py

    with h5py.File(path, "w") as file:
        yield file
    # Only when a file is opened does the library see how long it is; it cuts off at the end
    # what it does not need.
    with h5py.File(path, "r+"):
        pass
