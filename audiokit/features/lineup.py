"""Rows of several families that come at different times, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["RowLineup"]


class RowLineup:
    """Hold the rows of each family until all families have theirs.

    Args:
        widths: How many columns each family has.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        stops = np.cumsum(widths).tolist()
        self._places = [
            slice(stop - width, stop) for stop, width in zip(stops, widths, strict=True)
        ]
        self._n_columns = sum(widths)
        self._held: list[list[NDArray[np.float32]]] = [[] for _ in widths]

    def push(self, family: int, rows: NDArray[np.float32]) -> None:
        """Take the next rows ``(rows, columns)`` of a family, given by its place."""
        if len(rows):
            self._held[family].append(rows)

    def take(self) -> NDArray[np.float32]:
        """Return the rows that every family has given, ``(rows, columns of all)``."""
        n_rows = min(sum(map(len, tables)) for tables in self._held)
        lined_up = np.empty((n_rows, self._n_columns), np.float32)
        if n_rows:
            for tables, place in zip(self._held, self._places, strict=True):
                _move(tables, lined_up[:, place])
        return lined_up


def _move(tables: list[NDArray[np.float32]], target: NDArray[np.float32]) -> None:
    """Move the first rows of the tables to the target, as many as fill it."""
    start = 0
    while start < len(target):
        table = tables.pop(0)
        piece = table[: len(target) - start]
        target[start : start + len(piece)] = piece
        start += len(piece)
        if len(piece) < len(table):
            tables.insert(0, table[len(piece) :].copy())
