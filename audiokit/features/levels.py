"""Powers as levels: in dB or as logarithms, above a floor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.presets import Levels

__all__ = ["levels_of"]


def levels_of(power: NDArray[np.float32], unit: Levels, *, floor: float) -> NDArray[np.float32]:
    """Return powers in another unit.

    Args:
        power: Of any shape.
        unit: ``db``, ``ln``, ``log10``, or ``power`` for the powers as they are.
        floor: What a power counts as at least, above 0; ``power`` has no floor.

    Returns:
        A new array of the same shape, never below the level of the floor.
    """
    if unit == "power":
        return np.array(power)
    # Beside a row of floors, NumPy compares in a third of the time that one floor takes.
    floors = np.full(power.shape[-1:], floor, np.float32)
    levels: NDArray[np.float32] = np.maximum(power, floors)
    if unit == "ln":
        np.log(levels, out=levels)
        lowest = np.log(floor)
    else:
        factor = 10.0 if unit == "db" else 1.0
        np.log10(levels, out=levels)
        levels *= np.float32(factor)
        lowest = factor * np.log10(floor)
    # The logarithm of a rounded floor lies a hair below it.
    floors[...] = lowest
    np.maximum(levels, floors, out=levels)
    return levels
