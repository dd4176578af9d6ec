"""The shape of each frame's spectrum in four numbers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audiokit.features.aligned import aligned_product
from audiokit.features.family import Family
from audiokit.features.grid import FrameGrid
from audiokit.features.plan import Plan
from audiokit.features.transform import FrameGroup

__all__ = ["ROLLOFF_SHARE", "SpectralFamily"]

ROLLOFF_SHARE = 0.85
"""Share of the magnitude that lies at or below the roll-off frequency."""

_CHUNK_BINS = 16
_TINY = np.float32(np.finfo(np.float32).tiny)
_POWER_FLOOR = 1e-10


@lru_cache(maxsize=16)
def _chunks(grid: FrameGrid) -> NDArray[np.float32]:
    """Return what adds up each chunk of bins, ``(bins, chunks)``; read-only.

    The last chunk is a whole one, the first has what is left.
    """
    n_bins = len(grid.bins_hz)
    n_chunks = -(-n_bins // _CHUNK_BINS)
    chunk = (np.arange(n_bins) - n_bins) // _CHUNK_BINS + n_chunks
    chunks = np.ascontiguousarray(chunk[:, None] == np.arange(n_chunks), dtype=np.float32)
    chunks.flags.writeable = False
    return chunks


class SpectralFamily(Family):
    """Centroid, bandwidth and roll-off of the magnitude, flatness of the power.

    Digital silence has no shape: its three frequencies are 0 Hz, its flatness is 1.

    Args:
        plan: Where the bins lie.

    References:
        Definitions as in librosa 0.11, `librosa.feature.spectral_*`.
    """

    columns: tuple[str, ...] = (
        "spectral_centroid_hz",
        "spectral_bandwidth_hz",
        "spectral_rolloff_hz",
        "spectral_flatness",
    )

    def __init__(self, plan: Plan) -> None:
        self._bins_hz = plan.grid.bins_hz.astype(np.float32)
        self._chunks = _chunks(plan.grid)
        bins_hz = plan.grid.bins_hz[:, None]
        self._moments = np.ascontiguousarray(bins_hz ** np.arange(3))
        self._floors = np.full(len(bins_hz), _POWER_FLOOR, np.float32)
        self._ones = np.ones(len(bins_hz), np.float32)

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        magnitude = group.magnitude
        sums = aligned_product(magnitude, self._chunks, first=group.first)
        running = np.add.accumulate(sums, axis=1)
        # In double precision: for a pure tone the moments about zero all but cancel.
        moments = aligned_product(magnitude.astype(np.float64), self._moments, first=group.first)
        total = np.maximum(moments[:, 0], _TINY)
        centroid_hz = moments[:, 1] / total
        spread = np.maximum(moments[:, 2] / total - np.square(centroid_hz), 0.0)
        rows = np.empty((len(magnitude), len(self.columns)), np.float32)
        rows[:, 0] = centroid_hz
        rows[:, 1] = np.sqrt(spread)
        rows[:, 2] = self._rolloff_hz(magnitude, running)
        rows[:, 3] = self._flatness(group.power)
        return rows

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
        chunk = (running >= threshold).argmax(axis=1)
        n_frames, n_bins = magnitude.shape
        width = min(_CHUNK_BINS, n_bins)
        first = np.maximum(n_bins - (running.shape[1] - chunk) * width, 0)
        # Reaching beyond the first chunk is harmless: its last bin has met the threshold.
        stretches = np.lib.stride_tricks.sliding_window_view(magnitude.ravel(), width)
        inside = np.add.accumulate(stretches[np.arange(n_frames) * n_bins + first], axis=1)
        before = np.where(chunk > 0, running[np.arange(n_frames), chunk - 1], np.float32(0.0))
        inside += before[:, None]
        # The chunk's last bin is there by construction, whatever rounding says.
        inside[:, -1] = np.inf
        rolloff_hz: NDArray[np.float32] = self._bins_hz[
            first + (inside >= threshold).argmax(axis=1)
        ]
        return rolloff_hz

    def _flatness(self, power: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the geometric over the arithmetic mean of each row, ``(frames,)``."""
        n_bins = np.float32(power.shape[1])
        levels = np.maximum(power, self._floors)
        # Row by row, at half the cost of a sum over the bins.
        arithmetic = np.vecdot(levels, self._ones) / n_bins
        np.log2(levels, out=levels)
        flatness: NDArray[np.float32] = np.exp2(np.vecdot(levels, self._ones) / n_bins)
        flatness /= arithmetic
        # Rounding takes the mean of equal values a hair above them.
        np.minimum(flatness, np.float32(1.0), out=flatness)
        return flatness
