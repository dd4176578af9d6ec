"""Count, mean, spread and extremes of columns, gathered row by row and merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError

__all__ = ["ColumnStatistics", "StatisticsMeter"]

Values = NDArray[np.float64]

# Rows are taken in groups that begin at the start of the stream, so that no cutting
# changes a bit.
_GROUP_ROWS = 256
_ARRAYS = ("mean", "m2", "min", "max")


@dataclass(frozen=True, eq=False)
class ColumnStatistics:
    """What is known of columns after some rows; float64 throughout.

    Args:
        columns: Their names.
        count: How many rows.
        mean: Of each column, ``(columns,)``; 0 where there was no row.
        m2: Sum of squared distances from the mean, ``(columns,)``.
        lowest: ``(columns,)``; infinite where there was no row.
        highest: ``(columns,)``; minus infinity where there was no row.

    References:
        T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm
        for computing sample variances", 1979.
    """

    columns: tuple[str, ...]
    count: int
    mean: Values
    m2: Values
    lowest: Values
    highest: Values

    @classmethod
    def of_nothing(cls, columns: tuple[str, ...]) -> ColumnStatistics:
        """Return the statistics of no rows."""
        zeros, infinite = np.zeros(len(columns)), np.full(len(columns), np.inf)
        return cls(columns, 0, zeros, zeros, infinite, -infinite)

    @property
    def std(self) -> Values:
        """Standard deviation of the rows themselves (divided by their count), ``(columns,)``."""
        return np.sqrt(self.m2 / max(self.count, 1))

    def merged(self, other: ColumnStatistics) -> ColumnStatistics:
        """Return the statistics of the rows of both.

        Raises:
            SettingError: The columns differ.
        """
        if other.columns != self.columns:
            expected = f"the {len(self.columns)} columns {_outline(self.columns)}"
            raise SettingError("columns", _outline(other.columns), expected)
        if not self.count or not other.count:
            return self if self.count else other
        count = self.count + other.count
        distance = other.mean - self.mean
        share = other.count / count
        return ColumnStatistics(
            self.columns,
            count,
            self.mean + distance * share,
            self.m2 + other.m2 + distance * distance * (self.count * share),
            np.minimum(self.lowest, other.lowest),
            np.maximum(self.highest, other.highest),
        )

    def to_plain(self) -> dict[str, Any]:
        """Return count, mean, m2, std, min and max, in JSON types; none but count of no rows."""
        if not self.count:
            return {"count": 0}
        arrays = (self.mean, self.m2, self.std, self.lowest, self.highest)
        names = ("mean", "m2", "std", "min", "max")
        lists = {name: array.tolist() for name, array in zip(names, arrays, strict=True)}
        return {"count": self.count, **lists}

    @classmethod
    def from_plain(cls, columns: tuple[str, ...], plain: Mapping[str, Any]) -> ColumnStatistics:
        """Return what `to_plain` made a mapping of.

        Raises:
            SettingError: It is no such mapping.
        """
        try:
            count = int(plain["count"])
            if count == 0:
                return cls.of_nothing(columns)
            arrays = [np.array(plain[name], np.float64) for name in _ARRAYS]
        except (KeyError, TypeError, ValueError) as error:
            raise SettingError("statistics", str(error), f"count, {', '.join(_ARRAYS)}") from error
        is_sound = all(a.shape == (len(columns),) and np.isfinite(a).all() for a in arrays)
        if count < 0 or not is_sound or (arrays[1] < 0.0).any():
            expected = f"a count above 0, and {len(columns)} finite numbers of each kind"
            raise SettingError("statistics", count, expected)
        return cls(columns, count, *arrays)


class StatisticsMeter:
    """Gather the statistics of a stream of rows, and their slopes, in constant memory.

    Args:
        columns: Names of the columns.
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._so_far = ColumnStatistics.of_nothing(columns)
        # Sum of products of the distances from the mean row number and the mean value.
        self._drift = np.zeros(len(columns))
        self._held = np.zeros((0, len(columns)), np.float32)

    def push(self, rows: NDArray[np.float32]) -> None:
        """Take the next rows, ``(rows, columns)``, finite."""
        held = np.concatenate([self._held, rows])
        n_whole = len(held) // _GROUP_ROWS * _GROUP_ROWS
        for start in range(0, n_whole, _GROUP_ROWS):
            self._so_far, self._drift = self._with(held[start : start + _GROUP_ROWS])
        self._held = held[n_whole:].copy()

    def result(self) -> ColumnStatistics:
        """Return the statistics of all rows so far; the stream may go on."""
        return self._with(self._held)[0]

    def slope_per_row(self) -> Values:
        """Return the slope of the least-squares line of each column; 0 of fewer than two rows."""
        statistics, drift = self._with(self._held)
        n = float(statistics.count)
        # The sum of squared distances of n numbers in a row from their mean.
        return drift / max(n * (n * n - 1.0) / 12.0, 0.5)

    def _with(self, rows: NDArray[np.float32]) -> tuple[ColumnStatistics, Values]:
        """Return statistics and drift with a group of rows."""
        before = self._so_far
        if not len(rows):
            return before, self._drift
        values = rows.astype(np.float64)
        count = len(values)
        mean = values.sum(axis=0) / count
        apart = values - mean
        places = (np.arange(count) - (count - 1) / 2.0)[:, np.newaxis]
        group = ColumnStatistics(
            before.columns,
            count,
            mean,
            (apart * apart).sum(axis=0),
            values.min(axis=0),
            values.max(axis=0),
        )
        # Chan's rule for products: the two means stand apart in row number and in value.
        rows_apart = (before.count + count) / 2.0
        joint = before.count * count / (before.count + count) * rows_apart * (mean - before.mean)
        return before.merged(group), self._drift + (apart * places).sum(axis=0) + joint


def _outline(columns: tuple[str, ...]) -> str:
    return ", ".join(columns if len(columns) < 4 else (*columns[:2], "…", columns[-1]))
