"""Zarr folders whose arrays grow: the same files every time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, final

from numpy.typing import NDArray

from audiokit.errors import MissingExtraError
from audiokit.files.atomic import replacing_tree
from audiokit.files.growing_arrays import GrowingArrays

__all__ = ["ZarrWriter", "check_zarr"]


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
class ZarrWriter(GrowingArrays):
    """Write a Zarr folder (format 3) whose arrays grow along their first axis.

    A context manager: on a clean exit the folder takes its place; after an error nothing is
    left.

    Args:
        target: The folder; those above it are made.

    Raises:
        MissingExtraError: zarr is not installed.
    """

    GROUP_ROWS = 4096

    def __init__(self, target: Path) -> None:
        check_zarr()
        super().__init__()
        self._target = target

    def note(self, name: str, value: float | str) -> None:
        self._group.attrs[name] = value

    def name(self, name: str, words: Sequence[str]) -> None:
        # An attribute, since arrays of text have no settled form yet.
        self._group.attrs[name] = list(words)

    def create(self, name: str, rows: NDArray[Any]) -> None:
        self._group.create_array(
            name,
            shape=(0, *rows.shape[1:]),
            chunks=(self.GROUP_ROWS, *rows.shape[1:]),
            dtype=rows.dtype,
        )

    def array(self, name: str) -> Any:
        return self._group[name]

    def begin(self, stack: ExitStack) -> None:
        from zarr import create_group

        temporary = stack.enter_context(replacing_tree(self._target))
        self._group: Any = create_group(str(temporary))
