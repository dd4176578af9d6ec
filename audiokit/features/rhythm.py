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
_ROWS_AT_ONCE = 64


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
        self._n_fft = next_smooth(2 * width)
        self._window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(width) / width)
        self._bpm = np.concatenate([[np.inf], 60.0 * frames_per_s / np.arange(1, width)])
        self._shortest = int(np.argmax(self._bpm < _FASTEST_BPM))
        likely = self._bpm[self._shortest :] / _LIKELY_BPM
        self._log_prior = -0.5 * np.square(np.log2(likely))
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
                rows[start:stop] = self._pulses(windows[start:stop])
        return rows

    def _pulses(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return tempo and strength in each window of onsets, ``(windows, 2)``."""
        spectra = np.fft.rfft(windows * self._window, self._n_fft)
        power = np.square(spectra.real) + np.square(spectra.imag)
        correlation = np.fft.irfft(power, self._n_fft)[:, : self._width]
        # Of something that is nowhere negative, the largest lies at lag 0.
        total = correlation[:, :1]
        is_silent = total[:, 0] <= 0.0
        total[is_silent] = 1.0
        tempogram = np.maximum(correlation[:, self._shortest :] / total, 0.0)
        best = np.argmax(np.log1p(1e6 * tempogram) + self._log_prior, axis=1)
        strength = tempogram[np.arange(len(best)), best]
        tempo_bpm = self._bpm[self._shortest + best]
        return np.stack([tempo_bpm, strength], axis=1) * ~is_silent[:, None]
