"""Two neighbouring periods of a voice, measured by matching their waveforms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.framing import next_smooth

__all__ = ["PairMatcher", "PeriodPairs"]

Values = NDArray[np.float64]

# Finer than this gains nothing: what repeats in a voice lies below 8 kHz.
_ENOUGH_HZ = 16_000
# How far a period may be from what the pitch says, and the next from it (Praat's limits).
_SHORTEST, _LONGEST = 0.8, 1.25
_MOST_PERIOD_RATIO = 1.3
_MOST_AMPLITUDE_RATIO = 1.6
_LEAST_LIKENESS = 0.3
# A pulse is as loud as what lies within a fifth of a period of it.
_PULSE_SHARE = 0.2
_TINY = 1e-20


@dataclass(frozen=True, slots=True)
class PeriodPairs:
    """Around one pulse each: the period before it and the one after it.

    Args:
        is_valid: Whether both are periods, ``(frames,)``.
        period: Mean of the two, in samples.
        period_change: Difference of the two, 0 or more, in samples.
        level_change_db: Mean difference in level from pulse to pulse, 0 or more.
        is_level_valid: Whether the three pulses are alike enough for it.
        likeness: Mean correlation of the period around the pulse with its neighbours.
    """

    is_valid: NDArray[np.bool_]
    period: Values
    period_change: Values
    level_change_db: Values
    is_level_valid: NDArray[np.bool_]
    likeness: Values


class PairMatcher:
    """Find the pulse nearest to a place in a voice, and the pulses before and after it.

    A pulse is where the wave is farthest from its mean, in a period around the place; its
    neighbours are where the wave of one period around it recurs best.

    Args:
        sample_rate: Of the stream, in Hz.
        fmin_hz: Lowest pitch.

    Attributes:
        reach_samples: How far from the place samples are looked at.

    References:
        P. Boersma, "Should jitter be measured by peak picking or by waveform matching?",
        Folia Phoniatrica et Logopaedica 61, 2009; the Praat manual, "Sound & Pitch: To
        PointProcess (cc)", for the order of steps and the limits.
    """

    def __init__(self, sample_rate: int, fmin_hz: float) -> None:
        self._step = max(1, sample_rate // _ENOUGH_HZ)
        self._longest = sample_rate / fmin_hz / self._step
        # Beside a pulse: the longest lag, half a period around it, and what interpolates.
        self._n_side = math.ceil((_LONGEST + 0.5) * self._longest) + 3
        self._n_around = self._n_side + math.ceil(0.5 * self._longest)
        self._n_fft = next_smooth(2 * self._n_side + 1)
        self._beside = np.arange(-self._n_side, self._n_side + 1)
        self._lags = np.arange(math.ceil(_LONGEST * self._longest) + 2)
        self.reach_samples = self._n_around * self._step

    def measure(
        self, samples: NDArray[np.float32], places: NDArray[np.intp], periods: Values
    ) -> PeriodPairs:
        """Measure around some places of a stretch of samples.

        Args:
            samples: ``(samples,)``.
            places: ``(frames,)``, each `reach_samples` from both ends at least.
            periods: Near what to look for periods, in samples, ``(frames,)``.
        """
        side, period = self._around_pulse(samples, places, periods / self._step)
        after, before = self._likeness(side, period)
        later, likeness_after = _highest(after, period)
        earlier, likeness_before = _highest(before, period)
        is_valid = np.minimum(likeness_after, likeness_before) > _LEAST_LIKENESS
        is_valid &= np.maximum(later, earlier) <= _MOST_PERIOD_RATIO * np.minimum(later, earlier)
        level_db = self._level_db(side, np.stack([-earlier, np.zeros(len(side)), later]), period)
        changes_db = np.abs(np.diff(level_db, axis=0))
        most_db = 20.0 * math.log10(_MOST_AMPLITUDE_RATIO)
        return PeriodPairs(
            is_valid=is_valid,
            period=0.5 * self._step * (later + earlier),
            period_change=self._step * np.abs(later - earlier),
            level_change_db=0.5 * (changes_db[0] + changes_db[1]),
            is_level_valid=is_valid & (np.maximum(changes_db[0], changes_db[1]) <= most_db),
            likeness=0.5 * (likeness_after + likeness_before),
        )

    def _around_pulse(
        self, samples: NDArray[np.float32], places: NDArray[np.intp], periods: Values
    ) -> tuple[Values, Values]:
        """Return what lies around the pulse at each place, and the periods as a column."""
        period = periods[:, np.newaxis]
        offsets = np.arange(-self._n_around, self._n_around + 1)
        around = samples[places[:, np.newaxis] + self._step * offsets].astype(np.float64)
        is_near = np.abs(offsets) <= 0.5 * period
        near = np.where(is_near, around, 0.0)
        around -= np.add.reduce(near, axis=1, keepdims=True) / is_near.sum(axis=1, keepdims=True)
        pulse = np.argmax(np.where(is_near, np.abs(around), -1.0), axis=1)
        rows = np.arange(len(around))[:, np.newaxis]
        return around[rows, pulse[:, np.newaxis] + self._beside], period

    def _likeness(self, side: Values, period: Values) -> tuple[Values, Values]:
        """Return how alike a period around the pulse and one some lags on, or back, are.

        Args:
            side: The pulse in the middle, ``(frames, samples)``.
            period: ``(frames, 1)``.

        Returns:
            Two of ``(frames, lags)``, 1 at lag 0.
        """
        middle, lags = self._n_side, self._lags
        half = (0.5 * period).astype(np.intp)
        template = np.where(np.abs(self._beside) <= half, side, 0.0)
        spectra = np.fft.rfft(template, self._n_fft).conj()
        spectra *= np.fft.rfft(side, self._n_fft)
        correlation = np.fft.irfft(spectra, self._n_fft)
        running = np.zeros((len(side), side.shape[1] + 1))
        np.add.accumulate(np.square(side), axis=1, out=running[:, 1:])
        rows = np.arange(len(side))[:, np.newaxis]
        own = running[rows, middle + half + 1] - running[rows, middle - half]
        likeness = []
        for sign in (1, -1):
            begin = middle + sign * lags - half
            energy = running[rows, begin + 2 * half + 1] - running[rows, begin]
            scale = np.sqrt(np.maximum(own * energy, _TINY))
            likeness.append(correlation[:, sign * lags] / scale)
        return likeness[0], likeness[1]

    def _level_db(self, side: Values, at: Values, period: Values) -> Values:
        """Return the level of pulses, ``(3, frames)``, where ``at`` is beside the middle one."""
        nearest = np.rint(at).astype(np.intp)
        reach = math.ceil(_PULSE_SHARE * self._longest) + 1
        offsets = np.arange(-reach, reach + 1)
        turns = (offsets - (at - nearest)[..., np.newaxis]) / (_PULSE_SHARE * period)
        weights = np.where(np.abs(turns) < 1.0, np.square(0.5 + 0.5 * np.cos(np.pi * turns)), 0.0)
        places = self._n_side + nearest[..., np.newaxis] + offsets
        values = np.square(side[np.arange(len(side))[:, np.newaxis], places])
        power = np.add.reduce(values * weights, axis=2) / np.add.reduce(weights, axis=2)
        level_db: Values = 10.0 * np.log10(np.maximum(power, _TINY))
        return level_db


def _highest(likeness: Values, period: Values) -> tuple[Values, Values]:
    """Return the lag near a period at which likeness is highest, and how high, 1 at most."""
    lags = np.arange(likeness.shape[1])
    is_near = (lags >= _SHORTEST * period) & (lags <= _LONGEST * period)
    top = np.argmax(np.where(is_near, likeness, -np.inf), axis=1)
    rows = np.arange(len(top))
    before, at, after = (likeness[rows, top + step] for step in (-1, 0, 1))
    bend = np.maximum(at + at - before - after, _TINY)
    shift = np.clip(0.5 * (after - before) / bend, -0.5, 0.5)
    return top + shift, np.minimum(at + 0.25 * (after - before) * shift, 1.0)
