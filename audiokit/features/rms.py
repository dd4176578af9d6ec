"""Amplitude and energy of each frame as plain numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.energy import mean_square
from audiokit.features.family import Family
from audiokit.features.levels import levels_of
from audiokit.features.plan import Plan
from audiokit.features.transform import FrameGroup

__all__ = ["RmsFamily"]

_FLOOR = 1e-10


class RmsFamily(Family):
    """``rms``, ``energy``, ``log_energy`` of a frame's samples, unwindowed.

    The root of the mean square; the sum of the squares; its natural logarithm, of 1e-10
    at least, so that digital silence has -23.03.

    Args:
        plan: The length of a frame.
    """

    columns: tuple[str, ...] = ("rms", "energy", "log_energy")

    def __init__(self, plan: Plan) -> None:
        self._window_samples = np.float32(plan.grid.window_samples)

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        power = group.of(mean_square)
        energy = power * self._window_samples
        logs = levels_of(energy, "ln", floor=_FLOOR)
        return np.concatenate([np.sqrt(power), energy, logs], axis=1)
