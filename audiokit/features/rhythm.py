"""The tempo of what begins, in a window that slides along."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.framing import next_smooth
from audiokit.features.family import Family
from audiokit.features.flux import OnsetStrength
from audiokit.features.plan import Plan
from audiokit.features.transform import FrameGroup

__all__ = ["RhythmFamily"]

_WINDOW_S = 8.0
# Faster than the one is no tempo; near the other it is likely, within an octave.
_FASTEST_BPM = 320.0
_LIKELY_BPM = 120.0
# Slower, only a frame where nothing stands out has its tempo.
_SLOW_BPM = 30.0
# librosa compares logarithms of one and a million times the autocorrelation.
_SCALE = 1e6
_ROWS_AT_ONCE = 32


class RhythmFamily(Family):
    """``tempo_bpm``, 0 where nothing begins, and ``pulse_strength``, 0 to 1.

    Of the onset strength (see `OnsetStrength`) within 4 s to either side, under a Hann
    window, the autocorrelation is taken, its largest value made 1: a column of
    librosa's ``tempogram``. The tempo is the lag that stands out most, tempos an octave
    from 120 a minute being less likely, as librosa's ``tempo(aggregate=None)`` has it;
    the strength is the autocorrelation there. So a row comes 4 s after its frame.

    Args:
        plan: The levels of the bands.

    References:
        P. Grosche, M. Mueller, F. Kurth, "Cyclic tempogram", ICASSP 2010.
        D. Ellis, "Beat tracking by dynamic programming", 2007.
    """

    columns: tuple[str, ...] = ("tempo_bpm", "pulse_strength")

    def __init__(self, plan: Plan) -> None:
        grid = plan.grid
        frames_per_s = grid.sample_rate / grid.hop_samples
        # Never less than an onset and its neighbours, however long the hop.
        self._width = width = max(4, int(_WINDOW_S * grid.sample_rate) // grid.hop_samples)
        self._n_before = width // 2
        self.late_frames = width - 1 - self._n_before
        bpm = np.concatenate([[np.inf], 60.0 * frames_per_s / np.arange(1, width)])
        self._search = _LagSearch(bpm, min(width, 1 + int(np.count_nonzero(bpm > _SLOW_BPM))))
        self._onsets = OnsetStrength(plan)
        # The first onset is 0, so the ramp that librosa lays before it is one of zeros.
        self._held = np.zeros(self._n_before, np.float32)

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        return self._slide(self._onsets.push(group))

    def finish(self) -> NDArray[np.float32]:
        # librosa lays a straight line to 0 beyond the end; one longer would be cut off.
        falling = np.arange(self._n_before)[::-1] / self._n_before
        ramp = self._held[-1] * falling[: self.late_frames]
        return self._slide(ramp.astype(np.float32))

    def _slide(self, onsets: NDArray[np.float32]) -> NDArray[np.float32]:
        held = np.concatenate([self._held, onsets])
        n_rows = max(0, len(held) - self._width + 1)
        self._held = held[n_rows:].copy()
        rows = np.zeros((n_rows, 2), np.float32)
        if n_rows:
            windows = np.lib.stride_tricks.sliding_window_view(held, self._width)
            for start in range(0, n_rows, _ROWS_AT_ONCE):
                stop = start + _ROWS_AT_ONCE
                rows[start:stop] = self._search.pulses(windows[start:stop])
        return rows


class _LagSearch:
    """Look for the lag that stands out: among the first, and where that leaves doubt, in all.

    The slower a tempo the less likely, so a peak that is high enough among the first lags
    cannot be beaten by what lies beyond; and a transform that need not tell lags beyond
    apart is a third shorter.

    Args:
        bpm: Tempo of each lag, falling.
        n_lags: How many are looked at first.
    """

    def __init__(self, bpm: NDArray[np.float64], n_lags: int) -> None:
        width = len(bpm)
        self._window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(width) / width)
        self._shortest = int(np.argmax(bpm < _FASTEST_BPM))
        self._bpm = bpm[self._shortest : n_lags]
        prior = np.exp(-0.5 * np.square(np.log2(bpm[self._shortest :] / _LIKELY_BPM)))
        self._prior = prior[: len(self._bpm)]
        # No autocorrelation is above 1.
        self._most_beyond = (1.0 + _SCALE) * prior[len(self._bpm) :].max(initial=0.0)
        self._beyond = _LagSearch(bpm, width) if n_lags < width else None
        n_fft = next_smooth(width + n_lags)
        # Kept from call to call, as in `FrameTransform`; beyond the window lie zeros.
        self._padded = np.zeros((_ROWS_AT_ONCE, n_fft))
        self._correlations = np.empty((_ROWS_AT_ONCE, n_fft))
        self._spectra = np.empty((_ROWS_AT_ONCE, n_fft // 2 + 1), np.complex128)

    def pulses(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return tempo and strength in each window of onsets, ``(windows, 2)``."""
        correlation = self._correlation(windows)
        # Of something that is nowhere negative, the largest lies at lag 0.
        total = correlation[:, :1].copy()
        is_silent = total[:, 0] <= 0.0
        total[is_silent] = 1.0
        tempogram = correlation[:, self._shortest : self._shortest + len(self._bpm)]
        tempogram /= total
        np.maximum(tempogram, 0.0, out=tempogram)
        # As logarithms they would be added up: the order is the same.
        scores = (1.0 + _SCALE * tempogram) * self._prior
        best = scores.argmax(axis=1)
        each = np.arange(len(best))
        found = np.stack([self._bpm[best], tempogram[each, best]], axis=1)
        found[is_silent] = 0.0
        in_doubt = ~is_silent & (scores[each, best] <= self._most_beyond)
        if self._beyond is not None and in_doubt.any():
            found[in_doubt] = self._beyond.pulses(windows[in_doubt])
        return found

    def _correlation(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the autocorrelation of windowed rows, right for the lags looked at."""
        padded, spectra = self._padded[: len(windows)], self._spectra[: len(windows)]
        np.multiply(windows, self._window, out=padded[:, : windows.shape[1]])
        np.fft.rfft(padded, out=spectra)
        parts = spectra.view(np.float64)
        np.multiply(parts, parts, out=parts)
        parts[:, 0::2] += parts[:, 1::2]
        parts[:, 1::2] = 0.0
        n_fft = padded.shape[1]
        return np.fft.irfft(spectra, n_fft, out=self._correlations[: len(windows)])
