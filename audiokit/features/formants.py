"""The resonances of the vocal tract."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.prediction import levinson
from audiokit.features.aligned import aligned_product
from audiokit.features.energy import mean_square
from audiokit.features.family import Family
from audiokit.features.plan import Plan
from audiokit.features.transform import FrameGroup

__all__ = ["FormantsFamily"]

# Two poles for each resonance of a vocal tract of 16 cm, as in Praat.
_CEILING_HZ = 5500.0
_RESONANCES_UP_TO_CEILING = 5.0
_LIFT_FROM_HZ = 50.0
_NOISE_SHARE = 1e-9
_LOWEST_HZ = 90.0
_MARGIN_HZ = 50.0
_WIDEST_HZ = 700.0
_N_FORMANTS = 3

# What counts as voiced: not silent, mostly low, and repeating at a pitch.
_QUIETEST_POWER = 1e-6
_LEAST_NEIGHBOUR = 0.3
_LEAST_PERIODICITY = 0.45
_HIGHEST_PITCH_HZ = 400.0
_LOWEST_PITCH_HZ = 80.0
# What their transforms take stays in a second-level cache.
_FRAMES_AT_ONCE = 128


class FormantsFamily(Family):
    """``f1_hz``, ``f1_bandwidth_hz`` to ``f3_…``: 0 in frames without voice.

    Linear prediction of the part of the spectrum below 5.5 kHz alone (two poles per
    1.1 kHz), lifted by 6 dB an octave. A formant is a pole above 90 Hz that is no wider
    than 700 Hz; where there are fewer than three, the rest is 0. A frame has voice if
    it is louder than -60 dBFS, mostly low, and repeats itself at 80 to 400 Hz: a rule
    for formants, and no pitch tracker.

    Args:
        plan: Where frames and bins lie.

    References:
        J. Makhoul, "Spectral linear prediction: properties and applications", IEEE
        Transactions on ASSP 23(3), 1975.
        P. Boersma, "Accurate short-term analysis of the fundamental frequency", 1993:
        the autocorrelation of a frame over that of its window.
    """

    columns: tuple[str, ...] = tuple(
        f"f{number}{suffix}"
        for number in range(1, _N_FORMANTS + 1)
        for suffix in ("_hz", "_bandwidth_hz")
    )

    def __init__(self, plan: Plan) -> None:
        grid = plan.grid
        spacing_hz = grid.sample_rate / grid.n_fft
        self._top_bin = int(min(_CEILING_HZ, grid.sample_rate / 2.0) / spacing_hz)
        self._top_hz = self._top_bin * spacing_hz
        n_resonances = _RESONANCES_UP_TO_CEILING * self._top_hz / _CEILING_HZ
        self._order = 2 * max(1, round(n_resonances))
        self._cosines = self._lifted_cosines(grid.sample_rate, spacing_hz)
        self._voicing = _Voicing(plan)

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        rows = np.zeros((len(group.power), len(self.columns)), np.float32)
        lowest = np.ascontiguousarray(group.power[:, : self._top_bin + 1], dtype=np.float64)
        correlation = aligned_product(lowest, self._cosines, first=group.first)
        voiced = np.flatnonzero(self._voicing.is_voiced(group) & (correlation[:, 0] > 0.0))
        if len(voiced):
            voices = correlation[voiced]
            voices[:, 0] *= 1.0 + _NOISE_SHARE
            rows[voiced] = self._formants(levinson(voices, self._order))
        return rows

    def _lifted_cosines(self, sample_rate: int, spacing_hz: float) -> NDArray[np.float64]:
        """Return what turns powers into autocorrelations, ``(bins, order + 1)``."""
        bins = np.arange(self._top_bin + 1)
        share = np.exp(-2.0 * np.pi * _LIFT_FROM_HZ / sample_rate)
        turns = 2.0 * np.pi * bins * spacing_hz / sample_rate
        lift = 1.0 + share**2 - 2.0 * share * np.cos(turns)
        twice = np.where((bins == 0) | (bins == self._top_bin), 1.0, 2.0)
        angles = np.pi * np.outer(bins, np.arange(self._order + 1)) / self._top_bin
        return np.ascontiguousarray(np.cos(angles) * (lift * twice)[:, None])

    def _formants(self, filters: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the columns of prediction-error filters ``(rows, order + 1)``."""
        companions = np.zeros((len(filters), self._order, self._order))
        companions[:, np.arange(1, self._order), np.arange(self._order - 1)] = 1.0
        companions[:, 0] = -filters[:, 1:]
        poles = np.linalg.eigvals(companions)
        frequency_hz = np.angle(poles) * self._top_hz / np.pi
        radius = np.clip(np.abs(poles), 1e-12, 1.0)
        bandwidth_hz = -2.0 * np.log(radius) * self._top_hz / np.pi
        is_formant = (frequency_hz > _LOWEST_HZ) & (frequency_hz < self._top_hz - _MARGIN_HZ)
        is_formant &= bandwidth_hz < _WIDEST_HZ
        frequency_hz[~is_formant] = np.inf
        lowest = np.argsort(frequency_hz, axis=1, kind="stable")[:, :_N_FORMANTS]
        found = np.zeros((len(filters), len(self.columns)))
        n_found = lowest.shape[1]
        found[:, 0 : 2 * n_found : 2] = np.take_along_axis(frequency_hz, lowest, axis=1)
        found[:, 1 : 2 * n_found : 2] = np.take_along_axis(bandwidth_hz, lowest, axis=1)
        found[:, 1::2][np.isinf(found[:, 0::2])] = 0.0
        found[np.isinf(found)] = 0.0
        return found


class _Voicing:
    """Which frames have a voice.

    Args:
        plan: Where frames and bins lie.
    """

    def __init__(self, plan: Plan) -> None:
        grid = plan.grid
        self._n_fft = grid.n_fft
        rate, width = grid.sample_rate, grid.window_samples
        # Beyond half a window there is too little left to compare.
        longest = min(width // 2, int(rate / _LOWEST_PITCH_HZ))
        self._lags = slice(max(2, int(rate / _HIGHEST_PITCH_HZ)), longest + 1)
        hann = np.hanning(width + 1)[:-1]
        of_window = np.fft.irfft(np.square(np.abs(np.fft.rfft(hann, grid.n_fft))), grid.n_fft)
        self._of_window = of_window[self._lags] / of_window[0]

    def is_voiced(self, group: FrameGroup) -> NDArray[np.bool_]:
        """Return which frames have one, ``(frames,)``."""
        is_voiced = group.of(mean_square)[:, 0] > _QUIETEST_POWER
        loud = np.flatnonzero(is_voiced)
        for start in range(0, len(loud), _FRAMES_AT_ONCE):
            frames = loud[start : start + _FRAMES_AT_ONCE]
            is_voiced[frames] = self._is_low_and_repeats(group.power[frames])
        return is_voiced

    def _is_low_and_repeats(self, power: NDArray[np.float32]) -> NDArray[np.bool_]:
        correlation = np.fft.irfft(power.astype(np.float64), self._n_fft)
        total = np.maximum(correlation[:, :1], np.finfo(np.float32).tiny)
        is_low: NDArray[np.bool_] = correlation[:, 1] > _LEAST_NEIGHBOUR * total[:, 0]
        lags = correlation[:, self._lags]
        if lags.shape[1] == 0:
            return np.zeros(len(correlation), np.bool_)
        periodicity = np.max(lags / (total * self._of_window), axis=1)
        return np.asarray(is_low & (periodicity > _LEAST_PERIODICITY))
