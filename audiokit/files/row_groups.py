"""Rows of any cutting, in groups of one length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = ["RowGroups"]


@final
class RowGroups:
    """Cut a stream of rows into groups of one length, so that a file is the same for any cutting.

    Args:
        n_rows: Length of every group but the last.
    """

    def __init__(self, n_rows: int) -> None:
        self._n_rows = n_rows
        self._held: list[NDArray[Any]] = []
        self._n_held = 0

    def push(self, rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """Take rows, ``(rows, …)``; yield the groups that are now full."""
        # A copy: who gave the rows may write the next ones in the same place.
        self._held.append(rows.copy())
        self._n_held += len(rows)
        if self._n_held < self._n_rows:
            return
        held = np.concatenate(self._held)
        n_whole = len(held) // self._n_rows * self._n_rows
        self._held, self._n_held = [held[n_whole:].copy()], len(held) - n_whole
        for start in range(0, n_whole, self._n_rows):
            yield held[start : start + self._n_rows]

    def rest(self) -> NDArray[Any] | None:
        """Return what has not filled a group; None if there is nothing."""
        return np.concatenate(self._held) if self._n_held else None
