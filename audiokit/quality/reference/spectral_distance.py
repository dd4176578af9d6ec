"""How far the short-time spectra of two recordings are apart."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["log_spectral_distance_db"]

_FRAME_S = 0.032
# What lies so far below the strongest of the reference is not heard, and its logarithm would
# rule the mean.
_DEPTH_DB = 60.0
_CHUNK_FRAMES = 1024


def log_spectral_distance_db(
    reference: NDArray[np.float32], recording: NDArray[np.float32], sample_rate: int
) -> float | None:
    """Return the log-spectral distance in dB: 0 for the same, 1 to 2 for what is hardly heard.

    Frames of 32 ms under a Hann window, every 16 ms. For each, the root of the mean over
    frequency of the squared difference of levels; then the mean over frames. Levels are held
    at 60 dB below the strongest of the reference; None where not even one frame fits.

    Args:
        reference: ``(samples,)``.
        recording: As long, at the level that is meant.
        sample_rate: In Hz.

    References:
        A. Gray, J. Markel, "Distance measures for speech processing", IEEE Transactions on
        Acoustics, Speech and Signal Processing 24(5), 1976.
    """
    n_frame = round(_FRAME_S * sample_rate)
    if len(reference) < n_frame:
        return None
    pairs = [
        sliding_window_view(each, n_frame)[:: n_frame // 2] for each in (reference, recording)
    ]
    n_frames = len(pairs[0])
    chunks = [slice(k, k + _CHUNK_FRAMES) for k in range(0, n_frames, _CHUNK_FRAMES)]
    floor = max(float(_power(pairs[0][chunk]).max()) for chunk in chunks)
    floor = max(floor * 10.0 ** (-_DEPTH_DB / 10.0), 1e-30)
    total = 0.0
    for chunk in chunks:
        levels = [10.0 * np.log10(np.maximum(_power(each[chunk]), floor)) for each in pairs]
        total += float(np.sqrt(np.square(levels[0] - levels[1]).mean(axis=1)).sum())
    return total / n_frames


def _power(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    window = np.hanning(frames.shape[1] + 2)[1:-1]
    spectra = np.fft.rfft(frames * window)
    return np.asarray(np.square(spectra.real) + np.square(spectra.imag), np.float64)
