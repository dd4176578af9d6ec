"""How steady a voice is: jitter, shimmer and harmonics-to-noise ratio."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.harmonicity import harmonicity_db
from audiokit.features.period_pairs import PairMatcher
from audiokit.features.pitch_settings import HARMONICITY_FLOOR_DB
from audiokit.features.plan import Plan
from audiokit.features.tracked_family import TrackedFamily

__all__ = ["VoiceFamily"]

# A single pair of periods says little; over longer the voice changes.
_AROUND_MS = 50.0
_FRAMES_AT_ONCE = 64
# Columns of what is added up: pairs, their periods, by how much these differ, how alike they
# are; pairs with a level, by how much that differs.
_PAIRS, _PERIOD, _PERIOD_CHANGE, _LIKENESS, _LEVELS, _LEVEL_CHANGE, _N_SUMS = range(7)


class VoiceFamily(TrackedFamily):
    """``jitter_percent``, ``shimmer_db`` and ``hnr_db``: 0, 0 and -20 where there is no voice.

    Around each voiced frame, three pulses are found by matching waveforms. Over the frames
    50 ms to either side, jitter (local) is the mean difference of neighbouring periods over
    the mean period; shimmer (local, dB) the mean difference in level of neighbouring pulses;
    the harmonics-to-noise ratio is that of the mean correlation of neighbouring periods, -20
    to 40 dB. Definitions and limits are Praat's, which takes each pulse of a stretch once:
    here each frame tells of the pair nearest to it. Noise adds to all three.

    Args:
        plan: Where frames lie, and the pitch track.

    References:
        The Praat manual, "Voice 2. Jitter", "Voice 3. Shimmer" and "Harmonicity"; P. Boersma,
        "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise
        ratio of a sampled sound", IFA Proceedings 17, 1993.
    """

    columns: tuple[str, ...] = ("jitter_percent", "shimmer_db", "hnr_db")

    def __init__(self, plan: Plan) -> None:
        rate, track = plan.grid.sample_rate, plan.pitch_track
        self._n_around = max(1, round(_AROUND_MS * rate / 1000.0 / track.hop_samples))
        super().__init__(plan, more_parts=self._n_around)
        self._sample_rate = rate
        self._matcher = PairMatcher(rate, track.fmin_hz)
        before = np.zeros(self._matcher.reach_samples, np.float32)
        self._pieces = [before]
        # Where in the pieces the next tracked frame lies.
        self._next_place = len(before) + track.skipped_samples
        self._is_voiced = np.zeros(0, np.bool_)
        self._sums = np.zeros((self._n_around, _N_SUMS))

    def follow(
        self, track: NDArray[np.float32], mono: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        # The last frame may be centred right behind the last sample.
        after = np.zeros(self._matcher.reach_samples + 1, np.float32)
        # The block is the caller's; what is kept must not change with it.
        self._pieces.append(after if mono is None else mono.copy())
        if not len(track) and mono is not None:
            return np.zeros((0, len(self.columns)), np.float32)
        sums = [self._sums, self._measured(track[:, 0].astype(np.float64))]
        if mono is None:
            sums.append(np.zeros((self._n_around, _N_SUMS)))
        self._sums = np.concatenate(sums)
        self._is_voiced = np.concatenate([self._is_voiced, track[:, 0] > 0.0])
        return self._steadiness()

    def _measured(self, f0_hz: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each tracked frame adds, ``(tracked frames, sums)``."""
        table = np.zeros((len(f0_hz), _N_SUMS))
        if not len(f0_hz):
            return table
        held = np.concatenate(self._pieces)
        places = self._next_place + self._part_samples * np.arange(len(f0_hz) + 1)
        voiced = np.flatnonzero(f0_hz)
        for start in range(0, len(voiced), _FRAMES_AT_ONCE):
            some = voiced[start : start + _FRAMES_AT_ONCE]
            pairs = self._matcher.measure(held, places[some], self._sample_rate / f0_hz[some])
            columns = (
                np.ones(len(some)),
                pairs.period,
                pairs.period_change,
                pairs.likeness,
                pairs.is_level_valid,
                pairs.level_change_db * pairs.is_level_valid,
            )
            table[some] = np.stack(columns, axis=1) * pairs.is_valid[:, np.newaxis]
        n_past = max(0, int(places[-1]) - self._matcher.reach_samples)
        self._pieces = [held[n_past:].copy()]
        self._next_place = int(places[-1]) - n_past
        return table

    def _steadiness(self) -> NDArray[np.float32]:
        """Return the rows of the frames that have all their neighbours."""
        width = 2 * self._n_around + 1
        n_rows = max(0, len(self._sums) - width + 1)
        totals = np.zeros((n_rows, _N_SUMS))
        for shift in range(width):
            totals += self._sums[shift : shift + n_rows]
        is_voiced = self._is_voiced[:n_rows] & (totals[:, _PAIRS] > 0.0)
        self._sums, self._is_voiced = self._sums[n_rows:], self._is_voiced[n_rows:]
        n_pairs, n_levels = (np.maximum(totals[:, column], 1.0) for column in (_PAIRS, _LEVELS))
        period = np.maximum(totals[:, _PERIOD], 1.0)
        rows = np.empty((n_rows, len(self.columns)), np.float32)
        rows[:, 0] = 100.0 * totals[:, _PERIOD_CHANGE] / period
        rows[:, 1] = totals[:, _LEVEL_CHANGE] / n_levels
        rows[:, 2] = harmonicity_db(totals[:, _LIKENESS] / n_pairs)
        rows[~is_voiced] = 0.0, 0.0, HARMONICITY_FLOOR_DB
        return rows
