"""How much of a room a recording of speech holds, from how its levels rise and fall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.quality.frames import FrameGrid, Stretch
from audiokit.quality.levels import LevelReport
from audiokit.stage import StreamFormat

__all__ = ["Room", "RoomReport"]

# Octaves in which speech has its energy at every usual rate.
_EDGES_HZ = (250.0, 500.0, 1000.0, 2000.0, 4000.0)
# Levels are compared over 48 ms: dry speech falls by 20 dB, in a hall it cannot.
_LAG_FRAMES = 2
# Only what falls from near the top of its second: further down lie noise and pauses.
_RANGE_DB = 25.0
_SOFTEST_DBFS = -80.0
_WIDEST_DB = 40.0
_STEPS_PER_DB = 2
_POWER_FLOOR = 1e-12
_QUANTILES = (0.05, 0.1, 0.2, 0.35, 0.9, 0.97)
# Least squares over talkers in made rooms, by tests/benchmarks/fit_room.py.
_WEIGHTS = (-0.8452, -0.5181, -0.0987, 1.3540, -0.1681, 1.3156)
_BIAS_DB = -15.756
_RANGE_C50_DB = (-5.0, 25.0)
# Nine of ten estimates of held-out talkers in made rooms are this near.
_BAND_DB = 5.5
_FEWEST_CHANGES = 150
_LEAST_SPAN_DB = 12.0


@dataclass(frozen=True, slots=True)
class RoomReport:
    """Reverberation. Where there is none, `reason` says why."""

    c50_db: float | None
    """Estimated clarity C50: energy of the first 50 ms against all that comes later, -5 (a hall)
    to 25 (no room to be heard)."""
    c50_low_db: float | None
    """Nine of ten times it is not lower than this."""
    c50_high_db: float | None
    """Nine of ten times it is not higher than this."""
    reason: str | None
    """Why there is none; None if there is."""


class Room:
    """Estimate C50 of speech from the distribution of its level changes.

    Reverberation fills what speech leaves: levels fall slowly, however fast the talker stops,
    and rise less. Changes over 48 ms in four octaves are counted; six quantiles of them,
    weighted, are the estimate.

    Args:
        fmt: Format of the stream.

    References:
        Wen, Habets, Naylor, "Blind estimation of reverberation time based on the distribution
        of signal decay rates", ICASSP 2008: for the idea. ISO 3382-1:2009, A.2.4: C50.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        bins_hz = FrameGrid.at(fmt.sample_rate).bins_hz
        self._octaves = np.zeros((len(bins_hz), len(_EDGES_HZ) - 1), np.float32)
        for octave in range(len(_EDGES_HZ) - 1):
            low_hz, high_hz = _EDGES_HZ[octave : octave + 2]
            self._octaves[(bins_hz >= low_hz) & (bins_hz < high_hz), octave] = 1.0
        self._counts = np.zeros(round(2.0 * _WIDEST_DB * _STEPS_PER_DB) + 1, np.int64)

    def add(self, stretch: Stretch) -> None:
        """Hear the next stretch."""
        if len(stretch.power) <= _LAG_FRAMES:
            return
        power = np.matmul(stretch.power, self._octaves).astype(np.float64)
        level_db = 10.0 * np.log10(power + _POWER_FLOOR)
        lowest_db = np.maximum(level_db.max(axis=0) - _RANGE_DB, _SOFTEST_DBFS)
        is_heard = level_db[:-_LAG_FRAMES] >= lowest_db
        change_db = (level_db[_LAG_FRAMES:] - level_db[:-_LAG_FRAMES])[is_heard]
        np.clip(change_db, -_WIDEST_DB, _WIDEST_DB, out=change_db)
        steps = ((change_db + _WIDEST_DB) * _STEPS_PER_DB).astype(np.int64)
        self._counts += np.bincount(steps, minlength=len(self._counts))

    def changes_db(self) -> NDArray[np.float64]:
        """Return the quantiles of the level changes so far, ``(6,)`` in dB."""
        running = np.cumsum(self._counts)
        position = np.searchsorted(running, np.array(_QUANTILES) * running[-1])
        return np.asarray(position / _STEPS_PER_DB - _WIDEST_DB)

    def report(self, levels: LevelReport) -> RoomReport:
        """Return the estimate so far.

        Args:
            levels: Of the same stream: where pauses are as loud as speech, nothing can fall.
        """
        floor_dbfs = levels.noise_floor_dbfs
        if levels.active_dbfs is None or floor_dbfs is None:
            return RoomReport(None, None, None, levels.reason)
        if int(self._counts.sum()) < _FEWEST_CHANGES:
            return RoomReport(None, None, None, "too short: about 1.5 s of speech are needed")
        if levels.active_dbfs - floor_dbfs < _LEAST_SPAN_DB:
            reason = f"nothing lies {_LEAST_SPAN_DB:g} dB below the active level"
            return RoomReport(None, None, None, reason)
        c50_db = float(np.clip(self.changes_db() @ _WEIGHTS + _BIAS_DB, *_RANGE_C50_DB))
        return RoomReport(c50_db, c50_db - _BAND_DB, c50_db + _BAND_DB, None)
