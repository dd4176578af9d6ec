"""Levels of bands of the voice, on the shared transform: what the judge hears."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audiokit.quality.frames import FrameGrid, Stretch

__all__ = ["FLOOR_DB", "N_BANDS", "band_levels"]

N_BANDS = 32
"""Bands from 60 to 8000 Hz, of equal width in mel."""
FLOOR_DB = -120.0
"""What lies below, and every band that a stream of a low rate does not have."""

_LOWEST_HZ, _HIGHEST_HZ = 60.0, 8000.0
_LEAST_POWER = np.float32(1e-12)


def band_levels(stretch: Stretch, *, sample_rate: int) -> NDArray[np.float32]:
    """Return the level of each band in each frame of a stretch, in dBFS.

    Args:
        stretch: Any stretch of a stream.
        sample_rate: Of the stream, in Hz.

    Returns:
        ``(frames, N_BANDS)``; `FLOOR_DB` at least.
    """
    to_bands = _bins_to_bands(sample_rate)
    levels: NDArray[np.float32] = stretch.power[:, : len(to_bands)] @ to_bands
    np.maximum(levels, _LEAST_POWER, out=levels)
    np.log10(levels, out=levels)
    levels *= np.float32(10.0)
    return levels


@lru_cache(maxsize=16)
def _bins_to_bands(sample_rate: int) -> NDArray[np.float32]:
    """Return the share of each bin that lies in each band, ``(bins up to 8 kHz, N_BANDS)``."""
    grid = FrameGrid.at(sample_rate)
    highest, lowest = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (_HIGHEST_HZ, _LOWEST_HZ))
    edges_hz = 700.0 * (10.0 ** (np.linspace(lowest, highest, N_BANDS + 1) / 2595.0) - 1.0)
    bin_hz = grid.sample_rate / grid.n_fft
    low = np.maximum(edges_hz[:-1], grid.bins_hz[:, np.newaxis] - 0.5 * bin_hz)
    high = np.minimum(edges_hz[1:], grid.bins_hz[:, np.newaxis] + 0.5 * bin_hz)
    share = np.maximum(high - low, 0.0) / bin_hz
    last = int(np.flatnonzero(share.any(axis=1))[-1]) + 1
    return np.ascontiguousarray(share[:last], np.float32)
