"""Bringing columns to a common scale: distance from the mean, or place between the extremes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.column_statistics import ColumnStatistics

__all__ = ["RowScaler", "spread_or_one"]

# A column that moves less than this, relative to its size, stands still: what is left is the
# rounding of float32 (6e-8).
_STILL = 1e-6


def spread_or_one(spread: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what to divide columns by: their spread, or 1 where a column stands still."""
    # The smallest normal float32: below it a quotient may be infinite.
    is_moving = spread > np.maximum(_STILL * np.abs(size), 1.2e-38)
    return np.where(is_moving, spread, 1.0)


class RowScaler:
    """Scale rows by statistics that are known beforehand; each row by itself.

    A column that stands still in the statistics is only shifted, so it gives 0 there.

    Args:
        statistics: Of the columns.
        to: ``mean`` (subtract it), ``standard`` (and divide by the standard deviation), or
            ``range`` (the lowest becomes 0, the highest 1; what lies beyond stays beyond).
    """

    def __init__(self, statistics: ColumnStatistics, *, to: str) -> None:
        if statistics.count == 0:
            self._offset, self._divisor = statistics.mean, np.ones(len(statistics.columns))
        elif to == "range":
            self._offset = statistics.lowest
            spread = statistics.highest - statistics.lowest
            self._divisor = spread_or_one(spread, statistics.highest)
        else:
            self._offset = statistics.mean
            is_divided = to == "standard"
            spread = statistics.std if is_divided else np.ones_like(statistics.mean)
            self._divisor = spread_or_one(spread, statistics.mean) if is_divided else spread

    def scale(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return rows ``(rows, columns)`` in the new scale."""
        scaled = (rows.astype(np.float64) - self._offset) / self._divisor
        limit = float(np.finfo(np.float32).max)
        # Rows from elsewhere may lie far outside the statistics, but stay finite.
        return np.clip(scaled, -limit, limit).astype(np.float32)
