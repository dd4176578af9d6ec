"""How loud a stream will be behind a limiter, foretold from a sketch of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.loudness.gating import GATING_BLOCK_S, GATING_STEP_S, PowerHistogram
from audiokit.loudness.limiter import LimiterSettings
from audiokit.units import db_to_amplitude

__all__ = ["LevelSketch", "SketchRecorder"]

Values = NDArray[np.float64]

# 22 minutes of steps of 10 ms; a longer stream has longer steps.
_MAX_STEPS = 1 << 17
_NOTHING = 1e-30
_MAX_SOLVING_STEPS = 20
_SAME_LU = 0.005
_NEARLY_LU = 0.25
# So little of a decibel of gain arrives behind a limiter that has nothing left to give.
_LEAST_SLOPE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class LevelSketch:
    """Peak and power of every few milliseconds of a stream.

    Args:
        step_s: Length of a step: 10 ms, doubled as often as it takes for at most 131072.
        peaks: ``(steps,)``: largest magnitude of each.
        powers: ``(steps,)``: K-weighted mean square, channels summed by their weights.
    """

    step_s: float
    peaks: NDArray[np.float32]
    powers: NDArray[np.float32]

    def limited_lufs(self, gain_db: float, limiter: LimiterSettings) -> float | None:
        """Return about how loud the stream is behind a gain and a limiter.

        Within 0.05 LU of the truth for moderate limiting of speech and music, within
        0.3 LU where the limiter never rests.
        """
        gain = db_to_amplitude(gain_db)
        ceiling = db_to_amplitude(limiter.aim_dbtp)
        loudest = np.maximum(self.peaks.astype(np.float64) * gain, ceiling)
        needed = 1.0 - ceiling / loudest
        fallen = np.arange(len(needed)) * (self.step_s * 1000.0 / limiter.release_ms)
        climbing = np.maximum.accumulate(np.log(np.maximum(needed, _NOTHING)) + fallen)
        # The limiter averages over its look-ahead: what it lets go comes back so much later.
        late = 0.5 * limiter.lookahead_ms / limiter.release_ms
        inherited = np.exp(climbing[:-1] - fallen[1:] + late)
        reduction = np.append(needed[:1], np.maximum(needed[1:], np.minimum(inherited, 1.0)))
        return self._integrated_lufs(self.powers * (gain * (1.0 - reduction)) ** 2)

    def gain_behind(
        self, limiter: LimiterSettings, *, target_lufs: float, first_db: float
    ) -> float:
        """Return about which gain brings the stream to a loudness behind a limiter.

        Args:
            limiter: Its ceiling and release.
            target_lufs: Where to.
            first_db: The gain that would do it without the limiter.
        """
        gain_db, slope = first_db, 1.0
        before: tuple[float, float] | None = None
        for _ in range(_MAX_SOLVING_STEPS):
            reached_lufs = self.limited_lufs(gain_db, limiter)
            if reached_lufs is None or abs(target_lufs - reached_lufs) < _SAME_LU:
                break
            if before is not None and gain_db != before[0]:
                slope = (reached_lufs - before[1]) / (gain_db - before[0])
                if slope < _LEAST_SLOPE:
                    return self._least_gain(limiter, *before)
            before = gain_db, reached_lufs
            gain_db += (target_lufs - reached_lufs) / min(slope, 1.0)
        return gain_db

    def _least_gain(self, limiter: LimiterSettings, gain_db: float, reached_lufs: float) -> float:
        """Return the least gain that is about as loud: more is limited and not heard."""
        for _ in range(_MAX_SOLVING_STEPS):
            softer_lufs = self.limited_lufs(gain_db - 1.0, limiter)
            if softer_lufs is None or softer_lufs < reached_lufs - _NEARLY_LU:
                break
            gain_db -= 1.0
        return gain_db

    def _integrated_lufs(self, powers: Values) -> float | None:
        width = max(1, round(GATING_BLOCK_S / self.step_s))
        if len(powers) < width:
            return None
        sums = np.concatenate([[0.0], np.cumsum(powers)])
        step = max(1, round(GATING_STEP_S / self.step_s))
        histogram = PowerHistogram()
        histogram.add((sums[width:] - sums[:-width])[::step] / width)
        return histogram.distribution().integrated_lufs()


class SketchRecorder:
    """Gathers a `LevelSketch` in constant memory.

    Args:
        steps_per_s: How many steps a second begins with.
    """

    def __init__(self, steps_per_s: int) -> None:
        self._step_s = 1.0 / steps_per_s
        self._merge = 1
        # Steps of the first length that wait for their fellows; then those of today's.
        self._begun = np.zeros((2, 0))
        self._steps = np.zeros((2, 0), np.float32)

    def add(self, peaks: Values, powers: Values) -> None:
        """Take the next steps of the first length, ``(steps,)`` each."""
        waiting = np.concatenate([self._begun, np.stack([peaks, powers])], axis=1)
        n_whole = waiting.shape[1] // self._merge * self._merge
        merged = _merged(waiting[:, :n_whole], self._merge)
        self._begun = waiting[:, n_whole:]
        self._steps = np.concatenate([self._steps, merged.astype(np.float32)], axis=1)
        while self._steps.shape[1] > _MAX_STEPS:
            # What is left over waits, as steps of the first length that are all alike.
            n_even = self._steps.shape[1] // 2 * 2
            rest = np.repeat(self._steps[:, n_even:].astype(np.float64), self._merge, axis=1)
            self._begun = np.concatenate([rest, self._begun], axis=1)
            self._steps = _merged(self._steps[:, :n_even], 2).astype(np.float32)
            self._merge *= 2

    def sketch(self) -> LevelSketch:
        """Return the sketch so far; steps that wait for their fellows are left out."""
        return LevelSketch(self._step_s * self._merge, *self._steps.copy())


def _merged(steps: NDArray[np.floating], n_steps: int) -> Values:
    """Return one step for every so many: the highest peak, the mean power."""
    grouped = steps.reshape(2, -1, n_steps)
    return np.stack([grouped[0].max(axis=-1), grouped[1].mean(axis=-1)]).astype(np.float64)
