"""How often the waveform changes sign."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.family import Family
from audiokit.features.plan import Plan
from audiokit.features.transform import FrameGroup

__all__ = ["CrossingsFamily"]

# What librosa counts as zero, and zero as positive: dither around it makes no crossing.
_THRESHOLD = np.float32(1e-10)


class CrossingsFamily(Family):
    """``zero_crossing_rate``: sign changes inside a frame per sample of it, 0 to 1.

    The step from the zeros beyond an end of the stream into its first or last sample is
    no change, as librosa continues the outermost sample there.

    Args:
        plan: Where frames lie.
    """

    columns: tuple[str, ...] = ("zero_crossing_rate",)

    def __init__(self, plan: Plan) -> None:
        self._grid = plan.grid
        self._n_samples = 0
        self._begins_below = self._ends_below = False

    def hear(self, mono: NDArray[np.float32]) -> None:
        if len(mono) == 0:
            return
        if self._n_samples == 0:
            self._begins_below = bool(mono[0] < -_THRESHOLD)
        self._ends_below = bool(mono[-1] < -_THRESHOLD)
        self._n_samples += len(mono)

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        is_negative = group.stretch < -_THRESHOLD
        # Frames overlap: each change is looked for once, and found by its place.
        places = np.flatnonzero(is_negative[1:] != is_negative[:-1])
        begins = np.arange(len(group.samples)) * self._grid.hop_samples
        ends = begins + self._grid.window_samples - 1
        changes = np.searchsorted(places, ends) - np.searchsorted(places, begins)
        if self._grid.edges == "zeros" and self._is_at_an_end(group):
            changes = changes - self._steps_into_zeros(group)
        rate: NDArray[np.float32] = changes.astype(np.float32) / np.float32(group.samples.shape[1])
        return rate[:, None]

    def _is_at_an_end(self, group: FrameGroup) -> bool:
        begin = group.first * self._grid.hop_samples - self._grid.lead_samples
        return begin < 0 or begin + len(group.stretch) > self._n_samples

    def _steps_into_zeros(self, group: FrameGroup) -> NDArray[np.int64]:
        """Return how many changes of each frame lie at the ends of the stream, ``(frames,)``."""
        numbers = group.first + np.arange(len(group.samples))
        begins = numbers * self._grid.hop_samples - self._grid.lead_samples
        ends = begins + self._grid.window_samples
        steps = (begins < 0) & self._begins_below
        # No frame reaches beyond what was heard, but after the end of the stream.
        return steps.astype(np.int64) + ((ends > self._n_samples) & self._ends_below)
