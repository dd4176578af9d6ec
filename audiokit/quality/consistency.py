"""Evenness of the speech level from second to second."""

from __future__ import annotations

import math

import numpy as np

from audiokit.quality.frames import FrameGrid, Stretch
from audiokit.stage import StreamFormat

__all__ = ["Consistency"]

_LOWEST_DBFS, _HIGHEST_DBFS = -120.0, 20.0
_BINS_PER_DB = 4
_LOWEST_HZ = 80.0
_ACTIVITY_MARGIN_DB = 15.9
# Spread of the level, second by second: what fluent speech has, and what is worth nothing.
_USUAL_SPREAD_DB, _WIDEST_SPREAD_DB = 2.0, 12.0


class Consistency:
    """Spread of the levels of the seconds with speech.

    Args:
        fmt: Format of the stream.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self._lowest_bin = int(np.searchsorted(FrameGrid.at(fmt.sample_rate).bins_hz, _LOWEST_HZ))
        n_bins = round((_HIGHEST_DBFS - _LOWEST_DBFS) * _BINS_PER_DB)
        self._levels = _LOWEST_DBFS + (np.arange(n_bins) + 0.5) / _BINS_PER_DB
        self._counts = np.zeros(n_bins, np.int64)

    def add(self, stretch: Stretch) -> None:
        """Hear the next stretch."""
        if not len(stretch.power):
            return
        power = float(stretch.power[:, self._lowest_bin :].sum(axis=1).mean())
        level_dbfs = 10.0 * math.log10(max(power, 1e-12))
        step = int((level_dbfs - _LOWEST_DBFS) * _BINS_PER_DB)
        self._counts[min(step, len(self._counts) - 1)] += 1

    def report(self) -> float | None:
        """Return the evenness so far, 0 to 1; None under two seconds of speech."""
        # A second within the margin of P.56 below where half the energy lies has speech.
        energy = np.cumsum(self._counts * 10.0 ** (self._levels / 10.0))
        middle = int(np.searchsorted(energy, 0.5 * energy[-1]))
        is_speech = self._levels >= self._levels[middle] - _ACTIVITY_MARGIN_DB
        counts = np.where(is_speech, self._counts, 0)
        n_seconds = int(counts.sum())
        if n_seconds < 2:
            return None
        mean_dbfs = float(np.sum(counts * self._levels)) / n_seconds
        spread_db = math.sqrt(
            float(np.sum(counts * np.square(self._levels - mean_dbfs))) / n_seconds
        )
        return float(np.interp(spread_db, (_USUAL_SPREAD_DB, _WIDEST_SPREAD_DB), (1.0, 0.0)))
