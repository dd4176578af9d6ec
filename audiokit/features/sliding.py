"""Normalising by the rows just before: mean and variance over a window that ends with the row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.features.column_statistics import ColumnStatistics
from audiokit.features.row_scaling import spread_or_one

__all__ = ["SlidingNormalizer"]

_MOST_ROWS = 60_000
_Sums = NDArray[np.float64]


class SlidingNormalizer:
    """Normalise each row by the mean and deviation of the window of rows that ends with it.

    Causal: a row waits for no other, so the first is 0 and those after it rest on few rows,
    unless `prior` stands in for the rows that have not come yet. A column that stands still
    within the window gives 0. However the rows are cut, the bits are the same.

    Memory: four float64 per column and row of the window.

    Args:
        columns: Names of the columns.
        window_rows: Length of the window, its own row included; 1 to 60000.
        is_divided: Whether to divide by the deviation too, else the mean alone is subtracted.
        prior: Counts as the part of the window that lies before the stream.

    Raises:
        SettingError: The window is too long or empty.
    """

    def __init__(
        self,
        columns: tuple[str, ...],
        *,
        window_rows: int,
        is_divided: bool = True,
        prior: ColumnStatistics | None = None,
    ) -> None:
        if not 1 <= window_rows <= _MOST_ROWS:
            raise SettingError("window_rows", window_rows, f"1 to {_MOST_ROWS}")
        self._window, self._is_divided, self._prior = window_rows, is_divided, prior
        width = 2 * len(columns)
        self._n_rows = 0
        self._reference: _Sums | None = None
        # Values and squares since the last multiple of the window, and their sum.
        self._begun = np.zeros((window_rows, width))
        self._sum = np.zeros(width)
        # For each place in the stretch before: the sum from there to its end.
        self._rest = np.zeros((window_rows + 1, width))

    def push(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take rows ``(rows, columns)``; return as many, normalised."""
        out = np.empty_like(rows)
        start = 0
        while start < len(rows):
            place = self._n_rows % self._window
            taken = rows[start : start + self._window - place]
            out[start : start + len(taken)] = self._normalised(taken, place)
            start += len(taken)
        return out

    def _normalised(self, rows: NDArray[np.float32], place: int) -> NDArray[np.float32]:
        """Normalise rows that lie within one stretch, from a place in it on."""
        # Sums are added up from the same places for any cutting, and nothing is ever
        # subtracted from them, so they neither differ nor drift.
        values = rows.astype(np.float64)
        if self._reference is None:
            # Near the values, so that their squares lose nothing to a large mean.
            self._reference = values[0].copy()
        values -= self._reference
        both = np.concatenate([values, values * values], axis=1)
        stop = place + len(rows)
        self._begun[place:stop] = both
        sums = np.add.accumulate(np.concatenate([self._sum[np.newaxis], both]), axis=0)[1:]
        counts = np.minimum(self._n_rows + 1 + np.arange(len(rows)), self._window)
        self._sum = sums[-1]
        windows = sums + self._rest[place + 1 : stop + 1]
        self._n_rows += len(rows)
        if stop == self._window:
            self._rest[:-1] = np.add.accumulate(self._begun[::-1], axis=0)[::-1]
            self._sum = np.zeros_like(self._sum)
        return self._divided(values, windows, counts)

    def _divided(
        self, values: _Sums, windows: _Sums, counts: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        reference = np.zeros(0) if self._reference is None else self._reference
        n_columns = values.shape[1]
        weights = counts[:, np.newaxis].astype(np.float64)
        if self._prior is not None and self._prior.count:
            missing = self._window - weights
            mean = self._prior.mean - reference
            square = self._prior.m2 / self._prior.count + mean * mean
            windows = windows + missing * np.concatenate([mean, square])
            weights = np.full_like(weights, self._window)
        windows = windows / weights
        mean = windows[:, :n_columns]
        apart = values - mean
        if self._is_divided:
            variance = np.maximum(windows[:, n_columns:] - mean * mean, 0.0)
            apart /= spread_or_one(np.sqrt(variance), mean + reference)
        return apart.astype(np.float32)
