"""Histogram SNR: the ratio of speech to noise by how levels of frames are distributed."""

from __future__ import annotations

import numpy as np

from audiokit.quality.frames import FrameGrid, Stretch
from audiokit.stage import StreamFormat

__all__ = ["HistogramSnr"]

_LOWEST_DBFS, _HIGHEST_DBFS = -110.0, 10.0
_BINS_PER_DB = 2
# Every usual rate has this band; below are hum and offsets.
_BAND_HZ = (100.0, 4400.0)
_SMOOTH_BINS = 9
# Of the highest mode: what is lower is no mode.
_LEAST_MODE = 0.3
_SPEECH_QUANTILE = 0.95
_FEWEST_FRAMES = 12


class HistogramSnr:
    """Estimate the SNR from the levels of frames, for a cross-check.

    The lowest mode of the smoothed histogram is the noise, and what a twentieth of the frames
    lie above is the peak of speech, as in the method of NIST. It needs pauses: without, and in
    noise that moves, it means little. Digital silence does not count.

    Args:
        fmt: Format of the stream.

    References:
        NIST Speech Quality Assurance package 2.3, program ``stnr``: the definition of its
        noise and speech levels, here without the fit of a raised cosine.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        bins_hz = FrameGrid.at(fmt.sample_rate).bins_hz
        self._band = slice(*np.searchsorted(bins_hz, _BAND_HZ))
        n_bins = round((_HIGHEST_DBFS - _LOWEST_DBFS) * _BINS_PER_DB)
        self._counts = np.zeros(n_bins, np.int64)

    def add(self, stretch: Stretch) -> None:
        """Hear the next stretch."""
        power = stretch.power[:, self._band].sum(axis=1).astype(np.float64)
        levels = 10.0 * np.log10(power[power > 10.0 ** (_LOWEST_DBFS / 10.0)])
        steps = ((levels - _LOWEST_DBFS) * _BINS_PER_DB).astype(np.int64)
        steps = np.minimum(steps, len(self._counts) - 1)
        self._counts += np.bincount(steps, minlength=len(self._counts))

    def report(self) -> float | None:
        """Return the SNR so far in dB, 0 or more; None of silence, or of under 0.3 s."""
        n_frames = int(self._counts.sum())
        if n_frames < _FEWEST_FRAMES:
            return None
        kernel = np.hanning(_SMOOTH_BINS + 2)
        smooth = np.convolve(self._counts, kernel / kernel.sum(), mode="same")
        rises = np.diff(np.concatenate([[0.0], smooth, [0.0]]))
        is_mode = (rises[:-1] > 0.0) & (rises[1:] <= 0.0) & (smooth >= _LEAST_MODE * smooth.max())
        noise = int(np.flatnonzero(is_mode)[0])
        speech = int(np.searchsorted(np.cumsum(self._counts), _SPEECH_QUANTILE * n_frames))
        return max(0.0, (speech - noise) / _BINS_PER_DB)
