"""Levels of frames: how loud speech and pauses are, and how much of each there is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audiokit.quality.frames import FrameGrid, Stretch
from audiokit.stage import StreamFormat

__all__ = ["ACTIVITY_MARGIN_DB", "LevelHistogram", "LevelReport", "Levels"]

ACTIVITY_MARGIN_DB = 15.9
"""From the level of active speech down to the threshold of activity (ITU-T P.56)."""

_LOWEST_DBFS = -120.0
_HIGHEST_DBFS = 20.0
_BINS_PER_DB = 4
_POWER_FLOOR = 1e-12
# The window's main lobe around zero ends here: an offset is no level.
_LOWEST_HZ = 80.0
# Digital zeros between takes are no noise floor.
_DIGITAL_SILENCE_DBFS = -100.0
# Steady noise spreads by some 2 dB from frame to frame of 32 ms. The quietest twentieth
# lies at its lower edge; the mean of what lies this far above is its level.
_FLOOR_QUANTILE, _FLOOR_SPREAD_DB = 0.05, 3.0
_RANGE_QUANTILES = 0.1, 0.95
# A tenth of a second of pauses.
_FEWEST_FRAMES = 8
# Less than this below active speech, what is quietest may be soft speech.
_PAUSE_MARGIN_DB = 10.0


@lru_cache(maxsize=1)
def _levels_dbfs() -> NDArray[np.float64]:
    n_steps = round((_HIGHEST_DBFS - _LOWEST_DBFS) * _BINS_PER_DB)
    levels = np.asarray(_LOWEST_DBFS + (np.arange(n_steps) + 0.5) / _BINS_PER_DB, np.float64)
    levels.flags.writeable = False
    return levels


class LevelHistogram:
    """Levels in steps of a quarter of a dB, from -120 to 20 dBFS."""

    def __init__(self) -> None:
        self.counts = np.zeros(len(self.levels_dbfs), np.int64)

    def add(self, power: NDArray[np.float64]) -> None:
        """Count the levels of mean squares ``(n,)``; full scale is a mean square of 1."""
        steps = np.maximum(power, _POWER_FLOOR)
        np.log10(steps, out=steps)
        steps *= 10.0 * _BINS_PER_DB
        steps -= _LOWEST_DBFS * _BINS_PER_DB
        position = np.minimum(steps.astype(np.int64), len(self.counts) - 1)
        self.counts += np.bincount(position, minlength=len(self.counts))

    @property
    def levels_dbfs(self) -> NDArray[np.float64]:
        """The middle of each step in dBFS; read-only."""
        return _levels_dbfs()

    @property
    def total(self) -> int:
        """How many levels were counted."""
        return int(self.counts.sum())

    def above(self, level_dbfs: float) -> LevelHistogram:
        """Return the histogram of what lies at or above a level."""
        upper = LevelHistogram()
        upper.counts = np.where(self.levels_dbfs >= level_dbfs, self.counts, 0)
        return upper

    def quantile_dbfs(self, share: float) -> float:
        """Return the level that a share of the counts stay at or below."""
        running = np.cumsum(self.counts)
        position = int(np.searchsorted(running, share * running[-1]))
        return float(self.levels_dbfs[min(position, len(running) - 1)])

    def mean_dbfs(self, low_dbfs: float, high_dbfs: float) -> float:
        """Return the level of the mean power of what lies between two levels."""
        levels = self.levels_dbfs
        counts = np.where((levels >= low_dbfs) & (levels <= high_dbfs), self.counts, 0)
        power = float(np.sum(counts * 10.0 ** (levels / 10.0))) / max(1, int(counts.sum()))
        return 10.0 * math.log10(max(power, _POWER_FLOOR))

    def active_dbfs(self, margin_db: float = ACTIVITY_MARGIN_DB) -> float:
        """Return the mean level of the part that lies within a margin below that mean.

        Args:
            margin_db: From the mean of the active part down to its threshold.

        References:
            ITU-T P.56 (12/2011), method B: the threshold that lies 15.9 dB below the level
            it yields; here on the levels of frames instead of an envelope.
        """
        levels = self.levels_dbfs
        counts = np.cumsum(self.counts[::-1])[::-1]
        energy = np.cumsum((self.counts * 10.0 ** (levels / 10.0))[::-1])[::-1]
        mean_db = 10.0 * np.log10(np.maximum(energy / np.maximum(counts, 1), _POWER_FLOOR))
        fits = (counts > 0) & (mean_db - levels >= margin_db)
        lowest = int(np.argmax(self.counts > 0))
        # The highest threshold that leaves the margin; without one, all of it is active.
        chosen = int(np.flatnonzero(fits)[-1]) if fits.any() else lowest
        return float(mean_db[chosen])


@dataclass(frozen=True, slots=True)
class LevelReport:
    """How loud speech and pauses are. Where a value is None, `reason` says why."""

    active_dbfs: float | None
    """Mean level of the frames with sound, -120 to 20; a constant mean square of 1 has 0."""
    noise_floor_dbfs: float | None
    """Level in pauses, above 80 Hz, -100 to 20."""
    noise_floor_low_dbfs: float | None
    """The floor is hardly lower than this."""
    noise_floor_high_dbfs: float | None
    """The floor is hardly higher than this."""
    noise_floor_reason: str | None
    """Why the floor is not that of pauses; None if it is."""
    silence_ratio: float | None
    """Share of frames 15.9 dB and more below the active level, 0 to 1."""
    dynamic_range_db: float | None
    """From the level that a tenth of the frames stay below to that of nineteen twentieths."""
    reason: str | None
    """Why there are no levels; None if there are."""


class Levels:
    """Level of speech, noise floor, silence and dynamic range, from levels of frames.

    The noise floor is the mean power of the frames within 3 dB above the level that a
    twentieth of all stay below; digital zeros do not count.

    Args:
        fmt: Format of the stream.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self.histogram = LevelHistogram()
        self._lowest_bin = int(np.searchsorted(FrameGrid.at(fmt.sample_rate).bins_hz, _LOWEST_HZ))

    def add(self, stretch: Stretch) -> None:
        """Count the levels of a stretch."""
        if len(stretch.power):
            power = stretch.power[:, self._lowest_bin :].sum(axis=1)
            self.histogram.add(power.astype(np.float64))

    def report(self) -> LevelReport:
        """Return the levels of all frames so far."""
        heard = self.histogram.above(_DIGITAL_SILENCE_DBFS)
        n_frames, n_heard = self.histogram.total, heard.total
        if not n_heard:
            why = "shorter than a frame of 32 ms" if not n_frames else "digital silence"
            silent = 1.0 if n_frames else None
            return LevelReport(None, None, None, None, why, silent, None, why)
        active_dbfs = heard.active_dbfs()
        low_dbfs = heard.quantile_dbfs(_FLOOR_QUANTILE)
        floor_dbfs = heard.mean_dbfs(low_dbfs - _FLOOR_SPREAD_DB, low_dbfs + _FLOOR_SPREAD_DB)
        n_active = self.histogram.above(active_dbfs - ACTIVITY_MARGIN_DB).total
        quiet_dbfs, loud_dbfs = (heard.quantile_dbfs(share) for share in _RANGE_QUANTILES)
        reason: str | None = None
        if n_heard < _FEWEST_FRAMES:
            reason = f"fewer than {_FEWEST_FRAMES} frames"
        elif active_dbfs - floor_dbfs < _PAUSE_MARGIN_DB:
            reason = f"no pauses: nothing lies {_PAUSE_MARGIN_DB:g} dB below the active level"
        return LevelReport(
            active_dbfs=active_dbfs,
            noise_floor_dbfs=floor_dbfs,
            noise_floor_low_dbfs=low_dbfs - 1.0,
            noise_floor_high_dbfs=heard.quantile_dbfs(2.0 * _RANGE_QUANTILES[0]) + 1.0,
            noise_floor_reason=reason,
            silence_ratio=1.0 - n_active / n_frames,
            dynamic_range_db=loud_dbfs - quiet_dbfs,
            reason=None,
        )
