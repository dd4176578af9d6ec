"""The level of each frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.family import Family
from audiokit.features.levels import levels_of
from audiokit.features.plan import Plan
from audiokit.features.transform import FrameGroup

__all__ = ["LEVEL_FLOOR_DBFS", "EnergyFamily", "mean_square"]

LEVEL_FLOOR_DBFS = -100.0
"""Lowest level of a frame; digital silence has it."""


def mean_square(group: FrameGroup) -> NDArray[np.float32]:
    """Return the mean of the squared samples of each frame, ``(frames, 1)``."""
    # A sum along contiguous rows: each row is added up by itself, in a fixed order.
    squares = group.grid.frames_of(np.square(group.stretch))
    power: NDArray[np.float32] = np.add.reduce(squares, axis=1, keepdims=True)
    power /= np.float32(group.samples.shape[1])
    return power


class EnergyFamily(Family):
    """``energy_dbfs``: root mean square of a frame, unwindowed.

    0 dBFS is a constant 1.0, so a full-scale sine has -3.01 dBFS. The floor is
    `LEVEL_FLOOR_DBFS`.
    """

    columns: tuple[str, ...] = ("energy_dbfs",)

    def __init__(self, plan: Plan) -> None:
        del plan  # any will do

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        return levels_of(group.of(mean_square), "db", floor=10.0 ** (LEVEL_FLOOR_DBFS / 10.0))
