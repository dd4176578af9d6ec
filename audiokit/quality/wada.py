"""WADA SNR: the ratio of speech to noise by how the samples are distributed."""

from __future__ import annotations

import math

import numpy as np

from audiokit.quality.frames import Stretch
from audiokit.stage import StreamFormat

__all__ = ["WadaSnr"]

# Amplitudes of speech follow a gamma distribution of shape 0.4, those of noise a normal one.
# What follows is ln E|z| - E ln|z| of their sum, integrated numerically, every 5 dB of SNR.
_LOWEST_DB, _STEP_DB = -20.0, 5.0
_LOG_RATIOS = (
    0.40943, 0.40978, 0.41215, 0.42384, 0.46184, 0.54355, 0.66734, 0.81227, 0.95582,
    1.08465, 1.19406, 1.2842, 1.35726, 1.41594, 1.46284, 1.50022, 1.52997, 1.55363,
    1.57243, 1.58737, 1.59924, 1.60867, 1.61616, 1.62211, 1.62684,
)  # fmt: skip
# What is said about amplitudes holds for some of the samples as for all.
_RATE_HZ = 8000
_LEAST_AMPLITUDE = np.float32(1e-7)
_FEWEST_SAMPLES = 2000


class WadaSnr:
    """Estimate the SNR from the distribution of amplitudes, for a cross-check.

    A single voice over steady noise is what it was made for: everything else that is peaked
    (music, a hall, clicks, gaps of zeros) moves it. The offset of each second is taken out.

    Args:
        fmt: Format of the stream.

    References:
        C. Kim and R. M. Stern, "Robust signal-to-noise ratio estimation based on waveform
        amplitude distribution analysis", Interspeech 2008.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self._every = max(1, fmt.sample_rate // _RATE_HZ)
        self._n_samples = 0
        self._sum = 0.0
        self._log_sum = 0.0

    def add(self, stretch: Stretch) -> None:
        """Hear the next stretch."""
        samples = stretch.mono - np.add.reduce(stretch.mono) / np.float32(len(stretch.mono))
        size = np.abs(samples[:: self._every])
        size = size[size > _LEAST_AMPLITUDE]
        self._n_samples += len(size)
        self._sum += float(np.add.reduce(size))
        self._log_sum += float(np.add.reduce(np.log(size)))

    def report(self) -> float | None:
        """Return the SNR so far in dB, between -20 and 100.

        None of silence, of less than 0.3 s, and beyond either end, where the method has no more
        to say: of emptied pauses it would say 100 dB.
        """
        if self._n_samples < _FEWEST_SAMPLES:
            return None
        ratio = math.log(self._sum / self._n_samples) - self._log_sum / self._n_samples
        if not _LOG_RATIOS[0] < ratio < _LOG_RATIOS[-1]:
            return None
        steps = float(np.interp(ratio, _LOG_RATIOS, np.arange(len(_LOG_RATIOS))))
        return _LOWEST_DB + _STEP_DB * steps
