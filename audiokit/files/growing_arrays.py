"""Arrays by name that grow along their first axis, in a container that knows how."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from audiokit.files.row_groups import RowGroups
from audiokit.files.staged import StagedOutput

__all__ = ["GrowingArrays"]


class GrowingArrays(StagedOutput):
    """Take rows of any cutting and write them in groups, so that the bytes are always the same."""

    GROUP_ROWS: ClassVar[int]

    def __init__(self) -> None:
        super().__init__()
        self._parts: dict[str, RowGroups] = {}

    @abstractmethod
    def note(self, name: str, value: float | str) -> None:
        """Put a number or text among the attributes."""

    @abstractmethod
    def name(self, name: str, words: Sequence[str]) -> None:
        """Put words beside the arrays."""

    @abstractmethod
    def create(self, name: str, rows: NDArray[Any]) -> None:
        """Make an empty array for rows of this type and shape."""

    @abstractmethod
    def array(self, name: str) -> Any:
        """Return the array of that name."""

    def before_group(self, rows: NDArray[Any]) -> None:
        """Make ready for a group of rows."""

    def append(self, name: str, rows: NDArray[Any]) -> None:
        """Add rows, ``(rows, …)``, to an array; type and further axes as the first time.

        Raises:
            OSError: A fault of the disk, which the ``with`` statement turns into a
                `ResourceError`.
        """
        if name not in self._parts:
            self._parts[name] = RowGroups(self.GROUP_ROWS)
            self.create(name, rows)
        for group in self._parts[name].push(rows):
            self._write(name, group)

    def complete(self) -> None:
        for name, part in self._parts.items():
            rest = part.rest()
            if rest is not None:
                self._write(name, rest)

    def _write(self, name: str, rows: NDArray[Any]) -> None:
        self.before_group(rows)
        array = self.array(name)
        n_before = array.shape[0]
        array.resize((n_before + len(rows), *array.shape[1:]))
        array[n_before:] = np.ascontiguousarray(rows)
