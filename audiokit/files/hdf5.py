"""HDF5 files whose arrays grow: the same bytes every time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import MissingExtraError
from audiokit.files.atomic import replacing
from audiokit.files.row_groups import RowGroups

__all__ = ["Hdf5Writer", "check_hdf5"]

_GROUP_ROWS = 1024


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
class Hdf5Writer:
    """Write an HDF5 file whose datasets grow along their first axis.

    A context manager: on a clean exit the file takes its place; after an error nothing is
    left.

    Args:
        target: The file; its folders are made.

    Raises:
        MissingExtraError: h5py is not installed.
    """

    def __init__(self, target: Path) -> None:
        check_hdf5()
        self._target = target
        self._open = ExitStack()
        self._parts: dict[str, RowGroups] = {}

    def note(self, name: str, value: float | str) -> None:
        """Put a number or text among the file's attributes."""
        self._file.attrs[name] = value

    def name(self, name: str, words: Sequence[str]) -> None:
        """Put words into a dataset: attributes hold 64 KiB at most."""
        import h5py

        data = np.array([word.encode() for word in words], object)
        self._file.create_dataset(name, data=data, dtype=h5py.string_dtype(), track_times=False)

    def append(self, name: str, rows: NDArray[Any]) -> None:
        """Add rows, ``(rows, …)``, to a dataset; type and further axes as the first time.

        Raises:
            OSError: A fault of the disk, which the ``with`` statement turns into a
                `ResourceError`.
        """
        if name not in self._parts:
            self._parts[name] = RowGroups(_GROUP_ROWS)
            self._file.create_dataset(
                name,
                shape=(0, *rows.shape[1:]),
                maxshape=(None, *rows.shape[1:]),
                chunks=(_GROUP_ROWS, *rows.shape[1:]),
                dtype=rows.dtype,
                track_times=False,
            )
        for group in self._parts[name].push(rows):
            self._write(name, group)

    def __enter__(self) -> Hdf5Writer:
        import h5py

        temporary = self._open.enter_context(replacing(self._target))
        self._file = self._open.enter_context(h5py.File(temporary, "w"))
        # The stack runs it first, and takes the file away should it fail.
        self._open.push(self._complete)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def _complete(self, kind: type[BaseException] | None, *_: object) -> None:
        for name, part in self._parts.items() if kind is None else ():
            rest = part.rest()
            if rest is not None:
                self._write(name, rest)

    def _write(self, name: str, rows: NDArray[Any]) -> None:
        array = self._file[name]
        n_before = array.shape[0]
        array.resize(n_before + len(rows), axis=0)
        array[n_before:] = np.ascontiguousarray(rows)
