"""Zarr folders whose arrays grow: the same files every time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import MissingExtraError
from audiokit.files.atomic import replacing_tree
from audiokit.files.row_groups import RowGroups

__all__ = ["ZarrWriter", "check_zarr"]

_GROUP_ROWS = 4096


def check_zarr() -> None:
    """Import what writes Zarr.

    Raises:
        MissingExtraError: zarr 3 is not installed, or its installation is broken.
    """
    try:
        from zarr import create_group  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Zarr", "tables") from error


@final
class ZarrWriter:
    """Write a Zarr folder (format 3) whose arrays grow along their first axis.

    A context manager: on a clean exit the folder takes its place; after an error nothing is
    left.

    Args:
        target: The folder; those above it are made.

    Raises:
        MissingExtraError: zarr is not installed.
    """

    def __init__(self, target: Path) -> None:
        check_zarr()
        self._target = target
        self._open = ExitStack()
        self._parts: dict[str, RowGroups] = {}

    def note(self, name: str, value: float | str) -> None:
        """Put a number or text among the group's attributes."""
        self._group.attrs[name] = value

    def name(self, name: str, words: Sequence[str]) -> None:
        """Put words among the group's attributes: arrays of text have no settled form yet."""
        self._group.attrs[name] = list(words)

    def append(self, name: str, rows: NDArray[Any]) -> None:
        """Add rows, ``(rows, …)``, to an array; type and further axes as the first time.

        Raises:
            OSError: A fault of the disk, which the ``with`` statement turns into a
                `ResourceError`.
        """
        if name not in self._parts:
            self._parts[name] = RowGroups(_GROUP_ROWS)
            self._group.create_array(
                name,
                shape=(0, *rows.shape[1:]),
                chunks=(_GROUP_ROWS, *rows.shape[1:]),
                dtype=rows.dtype,
            )
        for group in self._parts[name].push(rows):
            self._write(name, group)

    def __enter__(self) -> ZarrWriter:
        from zarr import create_group

        temporary = self._open.enter_context(replacing_tree(self._target))
        self._group: Any = create_group(str(temporary))
        # The stack runs it first, and takes the folder away should it fail.
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
        array = self._group[name]
        n_before = array.shape[0]
        array.resize((n_before + len(rows), *array.shape[1:]))
        array[n_before:] = np.ascontiguousarray(rows)
