"""The linear spectrogram."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.family import Family
from audiokit.features.levels import levels_of
from audiokit.features.plan import Plan
from audiokit.features.transform import FrameGroup

__all__ = ["SpectrumFamily"]


class SpectrumFamily(Family):
    """``spectrum_0000_db`` …: level of each bin of the transform, or its power.

    Bin ``k`` lies at ``k * sample_rate / n_fft`` Hz. A level is -100 dB at least.

    Args:
        plan: The bins, and the unit.
    """

    def __init__(self, plan: Plan) -> None:
        self._unit, self._floor = plan.preset.levels, plan.preset.floor
        n_bins = plan.grid.n_fft // 2 + 1
        self.columns = tuple(f"spectrum_{index:04d}_{self._unit}" for index in range(n_bins))

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        return levels_of(group.power, self._unit, floor=self._floor)
