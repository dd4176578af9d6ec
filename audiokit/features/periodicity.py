"""How well each frame repeats itself, lag by lag, measured in two ways."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.framing import next_smooth
from audiokit.features.pitch_settings import PitchSettings

__all__ = ["Measured", "Periodicity"]

# Three periods of the lowest pitch: fewer do not repeat, more smear a moving one.
_PERIODS_PER_WINDOW = 3.12
# Rumble and mains lie below; where the voice's strong harmonics end; and where the band of a
# telephone does. The lags are as fine as twice that band needs.
_LOW_HZ, _STRONG_HZ, _HIGH_HZ, _LAG_RATE_HZ = 40.0, 1500.0, 3400.0, 8000.0
_LOW_EDGE_HZ, _STRONG_EDGE_HZ, _HIGH_EDGE_HZ = 20.0, 450.0, 300.0
# Where the window hardly overlaps itself, dividing by how much it does would blow up noise.
_LEAST_OVERLAPS = 0.05, 0.25
# Mean power in the band: -110 dBFS, below the rounding of 16 bits. Such a frame is silent.
_SILENT_POWER = np.float32(1e-11)
_TINY = np.float32(1e-30)


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known of a run of frames.

    Args:
        likeness: ``(frames, 2, lags)``: how alike a frame and itself one lag later are, 1 at
            lag 0, of its power below 1500 Hz and of its compressed spectrum below 3400 Hz.
        level_db: ``(frames,)``, mean power between 40 and 3400 Hz, in dB of full scale.
        low_share_db: ``(frames,)``, how much of it lies below 1500 Hz, in dB.
        is_silent: ``(frames,)``, whether there is nothing to be alike.
    """

    likeness: NDArray[np.float32]
    level_db: NDArray[np.float32]
    low_share_db: NDArray[np.float32]
    is_silent: NDArray[np.bool_]


class Periodicity:
    """Two normalised autocorrelations of each frame.

    The first, of the power below 1500 Hz over the window's own, is 1 at the period of a
    steady voice, and tells how much of the power is periodic. The second, of the square root
    of the magnitude, hears all harmonics alike, weak or strong: a formant or a hum decides
    less there, and so does the second harmonic where the first is missing.

    Args:
        settings: Lowest pitch and hop.
        sample_rate: Of the stream, in Hz.

    Attributes:
        grid: Where the frames lie.
        lag_rate_hz: Lags per second.

    References:
        P. Boersma, "Accurate short-term analysis of the fundamental frequency and the
        harmonics-to-noise ratio of a sampled sound", IFA Proceedings 17, 1993, section 3;
        T. Tolonen, M. Karjalainen, "A computationally efficient multipitch analysis model",
        IEEE Transactions on Speech and Audio Processing 8(6), 2000, section II.
    """

    def __init__(self, settings: PitchSettings, sample_rate: int) -> None:
        n_window = round(_PERIODS_PER_WINDOW / settings.fmin_hz * sample_rate)
        # Zeros as long as the longest lag, so that the end of a frame never meets its begin.
        n_fft = _even_smooth(n_window + math.ceil(sample_rate / settings.fmin_hz) + 1)
        self.grid = settings.grid(sample_rate, window_samples=n_window, n_fft=n_fft)
        bin_hz = sample_rate / n_fft
        self._n_transform = min(_even_smooth(math.ceil(_LAG_RATE_HZ / bin_hz)), n_fft)
        self.lag_rate_hz = self._n_transform * bin_hz
        bins_hz = np.arange(self._n_transform // 2 + 1, dtype=np.float64) * bin_hz
        begin = _rising(bins_hz, _LOW_HZ, _LOW_EDGE_HZ)
        strong = begin * _rising(-bins_hz, -_STRONG_HZ, _STRONG_EDGE_HZ)
        whole = begin * _rising(-bins_hz, -_HIGH_HZ, _HIGH_EDGE_HZ)
        self._bands = np.stack([strong, whole]).astype(np.float32)
        window = np.hanning(n_window + 1)[:-1]
        self._window = window.astype(np.float32)
        # From sums over half the bins to mean power per sample.
        self._to_power = np.float32(2.0 / (n_fft * np.square(window).sum()))
        self._undo_fading = self._window_fading(window)
        self._padded = np.zeros((self.grid.group_frames, n_fft), np.float32)

    @property
    def n_lags(self) -> int:
        """How many lags are told, from 0 on."""
        return self._n_transform // 2 + 1

    def measure(self, samples: NDArray[np.float32]) -> Measured:
        """Measure frames ``(frames, window_samples)``, at most `grid.group_frames` of them."""
        n_frames, n_window = samples.shape
        padded = self._padded[:n_frames]
        framed = padded[:, :n_window]
        # A constant would leak through the window's edges.
        means = np.add.reduce(samples, axis=1, keepdims=True) / np.float32(n_window)
        np.subtract(samples, means, out=framed)
        framed *= self._window
        spectra = np.fft.rfft(padded)[:, : self.n_lags]
        power = np.square(spectra.real)
        power += np.square(spectra.imag)
        weighed = power * self._bands[1]
        total = np.add.reduce(weighed, axis=1) * self._to_power
        power *= self._bands[0]
        strong = np.add.reduce(power, axis=1) * self._to_power
        likeness = np.empty((n_frames, 2, self.n_lags), np.float32)
        likeness[:, 0] = self._likeness(power)
        # The fourth root of the power: the square root of the magnitude.
        likeness[:, 1] = self._likeness(np.sqrt(np.sqrt(weighed, out=weighed), out=weighed))
        likeness *= self._undo_fading
        is_silent = total <= _SILENT_POWER
        likeness[is_silent] = 0.0
        total, strong = np.maximum(total, _SILENT_POWER), np.maximum(strong, _TINY)
        level_db = np.float32(10.0) * np.log10(total)
        low_share_db = np.float32(10.0) * np.log10(strong) - level_db
        return Measured(likeness, level_db, low_share_db, is_silent)

    def _likeness(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the autocorrelation that belongs to spectra, 1 at lag 0."""
        correlation = np.fft.irfft(spectra, self._n_transform)[:, : self.n_lags]
        likeness: NDArray[np.float32] = correlation / np.maximum(correlation[:, :1], _TINY)
        return likeness

    def _window_fading(self, window: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return what undoes the fading of a window that is laid over itself, ``(2, lags)``."""
        n_long = 8 * self.grid.n_fft
        power = np.abs(np.fft.rfft(window, n_long)) ** 2
        lags = np.arange(self.n_lags) * (self.grid.sample_rate / self.lag_rate_hz)
        undo = []
        for spectrum, least in zip((power, power**0.25), _LEAST_OVERLAPS, strict=True):
            own = np.fft.irfft(spectrum)[: self.grid.n_fft]
            overlap = np.interp(lags, np.arange(len(own)), own / own[0])
            undo.append(1.0 / np.maximum(overlap, least))
        return np.stack(undo).astype(np.float32)


def _rising(bins_hz: NDArray[np.float64], at_hz: float, width_hz: float) -> NDArray[np.float64]:
    """Return weights that go from 0 to 1 in a straight line around a frequency."""
    return np.clip((bins_hz - at_hz) / width_hz + 0.5, 0.0, 1.0)


def _even_smooth(length: int) -> int:
    """Return the next even length that is fast to transform."""
    return 2 * next_smooth(-(-length // 2))
