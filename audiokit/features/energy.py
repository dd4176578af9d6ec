"""The level of each frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.spectrum import FrameGroup

__all__ = ["ENERGY_FLOOR_DBFS", "EnergyFamily"]

ENERGY_FLOOR_DBFS = -100.0
"""Lowest level of a frame; digital silence has it."""


class EnergyFamily:
    """``energy_dbfs``: root mean square of a frame, unwindowed.

    0 dBFS is a constant 1.0, so a full-scale sine has -3.01 dBFS.
    """

    columns: tuple[str, ...] = ("energy_dbfs",)

    def rows(self, group: FrameGroup) -> NDArray[np.float32]:
        """Return ``(frames, 1)`` in dBFS, at least `ENERGY_FLOOR_DBFS`."""
        # A sum along contiguous rows: each row is added up by itself, in a fixed order.
        squares = np.square(group.samples)
        power: NDArray[np.float32] = np.add.reduce(squares, axis=1, keepdims=True)
        power /= np.float32(group.samples.shape[1])
        np.maximum(power, np.float32(10.0 ** (ENERGY_FLOOR_DBFS / 10.0)), out=power)
        np.log10(power, out=power)
        power *= np.float32(10.0)
        np.maximum(power, np.float32(ENERGY_FLOOR_DBFS), out=power)
        return power
