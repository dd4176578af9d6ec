"""HDF5 files whose arrays grow: the same bytes every time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import MissingExtraError
from audiokit.files.atomic import replacing
from audiokit.files.growing_arrays import GrowingArrays

__all__ = ["Hdf5Writer", "check_hdf5"]


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
    left.

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
        self._file.attrs[name] = value

    def name(self, name: str, words: Sequence[str]) -> None:
        # A dataset, since attributes hold 64 KiB at most.
        import h5py

        data = np.array([word.encode() for word in words], object)
        self._file.create_dataset(name, data=data, dtype=h5py.string_dtype(), track_times=False)

    def create(self, name: str, rows: NDArray[Any]) -> None:
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

    def begin(self, stack: ExitStack) -> None:
        import h5py

        temporary = stack.enter_context(replacing(self._target))
        self._file = stack.enter_context(h5py.File(temporary, "w"))
