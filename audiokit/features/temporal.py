"""The envelope of the waveform, and how steeply it rises."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.deltas import DeltaStream, slope_weights
from audiokit.features.energy import LEVEL_FLOOR_DBFS
from audiokit.features.family import Family
from audiokit.features.levels import levels_of
from audiokit.features.plan import Plan
from audiokit.features.transform import FrameGroup

__all__ = ["TemporalFamily"]

_SLOPE_FRAMES = 5


class TemporalFamily(Family):
    """``envelope_dbfs`` and ``attack_db_per_s``.

    The envelope is the highest magnitude of a sample in the frame, at least -100 dBFS.
    The attack is the slope of the line fitted to the envelope of five frames, two to
    either side, where it rises, and 0 where it falls; beyond the ends of the stream the
    outermost frame is repeated.

    Args:
        plan: Where frames lie.

    References:
        G. Peeters, "A large set of audio features for sound description", IRCAM, 2004,
        section 5: the attack as a slope.
    """

    columns: tuple[str, ...] = ("envelope_dbfs", "attack_db_per_s")

    def __init__(self, plan: Plan) -> None:
        self._slope = DeltaStream(slice(0, 1), [slope_weights(1, _SLOPE_FRAMES)])
        self.late_frames = self._slope.late_frames
        self._frames_per_s = np.float32(plan.grid.sample_rate / plan.grid.hop_samples)

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        samples = group.samples
        peak = np.maximum(samples.max(axis=1), -samples.min(axis=1))[:, None]
        return self._risen(self._slope.push(_level_dbfs(peak)))

    def finish(self) -> NDArray[np.float32]:
        rows = self._slope.finish()
        return super().finish() if rows is None else self._risen(rows)

    def _risen(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        rows[:, 1] = np.maximum(rows[:, 1], 0.0) * self._frames_per_s
        return rows


def _level_dbfs(peak: NDArray[np.float32]) -> NDArray[np.float32]:
    return levels_of(np.square(peak), "db", floor=10.0 ** (LEVEL_FLOOR_DBFS / 10.0))
