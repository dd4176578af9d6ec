"""Random numbers one at a time, at the price of many."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["Rng", "normals", "uniforms"]

Rng = np.random.Generator
_AT_ONCE = 512


def uniforms(rng: Rng) -> Callable[[], float]:
    """Return what gives the next number in ``[0, 1)``.

    The generator is asked for many numbers at a time, which costs a tenth.
    """
    return _batched(lambda: rng.random(_AT_ONCE).tolist())


def normals(rng: Rng) -> Callable[[], float]:
    """Return what gives the next number of the standard normal distribution."""
    return _batched(lambda: rng.standard_normal(_AT_ONCE).tolist())


def _batched(refill: Callable[[], list[float]]) -> Callable[[], float]:
    waiting: list[float] = []

    def draw() -> float:
        if not waiting:
            waiting.extend(refill())
            waiting.reverse()
        return waiting.pop()

    return draw
