"""The shape of each frame's spectrum in four numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.aligned import aligned_product
from audiokit.features.grid import FrameGrid
from audiokit.features.spectrum import FrameGroup

__all__ = ["ROLLOFF_SHARE", "SpectralFamily"]

ROLLOFF_SHARE = 0.85
"""Share of the magnitude that lies at or below the roll-off frequency."""

_CHUNK_BINS = 16
_TINY = np.float32(np.finfo(np.float32).tiny)
_POWER_FLOOR = np.float32(1e-10)


class SpectralFamily:
    """Centroid, bandwidth and roll-off of the magnitude, flatness of the power.

    Digital silence has no shape: its three frequencies are 0 Hz, its flatness is 1.

    Args:
        grid: The frame rule.

    References:
        Definitions as in librosa 0.11, `librosa.feature.spectral_*`.
    """

    columns: tuple[str, ...] = (
        "spectral_centroid_hz",
        "spectral_bandwidth_hz",
        "spectral_rolloff_hz",
        "spectral_flatness",
    )

    def __init__(self, grid: FrameGrid) -> None:
        self._bins_hz = grid.bins_hz.astype(np.float32)
        n_bins = len(self._bins_hz)
        n_chunks = -(-n_bins // _CHUNK_BINS)
        in_chunk = np.arange(n_bins)[:, None] // _CHUNK_BINS == np.arange(n_chunks)
        # One product gives the sum of each chunk of bins, and the first moment.
        self._sums = np.concatenate([in_chunk, grid.bins_hz[:, None]], axis=1, dtype=np.float32)

    def rows(self, group: FrameGroup) -> NDArray[np.float32]:
        """Return ``(frames, 4)``: three columns in Hz, and the flatness, 0 to 1."""
        magnitude = np.sqrt(group.power)
        sums = aligned_product(magnitude, self._sums, first=group.first)
        running = np.cumsum(sums[:, :-1], axis=1)
        total = np.maximum(running[:, -1], _TINY)
        centroid_hz = sums[:, -1] / total
        # About the centroid, not from moments about zero: those cancel for a pure tone.
        distance = self._bins_hz - centroid_hz[:, None]
        distance *= distance
        distance *= magnitude
        bandwidth_hz = np.sqrt(distance.sum(axis=1) / total)
        rolloff_hz = self._rolloff_hz(magnitude, running)
        return np.stack([centroid_hz, bandwidth_hz, rolloff_hz, _flatness(group.power)], axis=1)

    def _rolloff_hz(
        self, magnitude: NDArray[np.float32], running: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the first bin up to which `ROLLOFF_SHARE` lies, ``(frames,)`` in Hz.

        Args:
            magnitude: ``(frames, bins)``.
            running: Its sum up to the end of each chunk, ``(frames, chunks)``.
        """
        # First the chunk, then the bin in it: a running sum over all bins costs as much
        # as a third of the transform.
        threshold = np.float32(ROLLOFF_SHARE) * running[:, -1:]
        frames = np.arange(len(magnitude))[:, None]
        chunk = np.count_nonzero(running[:, :-1] < threshold, axis=1, keepdims=True)
        before = np.where(chunk > 0, running[frames, chunk - 1], np.float32(0.0))
        bins = chunk * _CHUNK_BINS + np.arange(_CHUNK_BINS - 1)
        bins = np.minimum(bins, magnitude.shape[1] - 1)
        inside = before + np.cumsum(magnitude[frames, bins], axis=1)
        below = np.count_nonzero(inside < threshold, axis=1)
        last = np.minimum(chunk[:, 0] * _CHUNK_BINS + below, len(self._bins_hz) - 1)
        rolloff_hz: NDArray[np.float32] = self._bins_hz[last]
        return rolloff_hz


def _flatness(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the geometric over the arithmetic mean of each row, ``(frames,)``."""
    levels = np.maximum(power, _POWER_FLOOR)
    arithmetic = levels.mean(axis=1)
    np.log(levels, out=levels)
    flatness: NDArray[np.float32] = np.exp(levels.mean(axis=1)) / arithmetic
    # Rounding takes the mean of equal values a hair above them.
    np.minimum(flatness, np.float32(1.0), out=flatness)
    return flatness
