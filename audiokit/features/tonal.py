"""Where the harmony lies among fifths and thirds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.aligned import aligned_product
from audiokit.features.chroma import Chroma
from audiokit.features.family import Family
from audiokit.features.plan import Plan
from audiokit.features.transform import FrameGroup

__all__ = ["TonalFamily"]

# How far round each circle a semitone goes, in half turns, and the circle's radius.
_CIRCLES = ((7.0 / 6.0, 1.0), (3.0 / 2.0, 1.0), (2.0 / 3.0, 0.5))


class TonalFamily(Family):
    """``tonnetz_fifth_x`` … ``tonnetz_major_y``: the tonal centroid, -1 to 1.

    The chroma, its sum made 1, as a point on the circles of fifths, minor thirds and
    major thirds. librosa's ``tonnetz``, of the chroma that the family ``chroma`` gives.
    Digital silence is 0.

    Args:
        plan: Where frames and bins lie.

    References:
        C. Harte, M. Sandler, M. Gasser, "Detecting harmonic change in musical audio",
        ACM Workshop on Audio and Music Computing Multimedia, 2006.
    """

    columns: tuple[str, ...] = tuple(
        f"tonnetz_{circle}_{axis}" for circle in ("fifth", "minor", "major") for axis in "xy"
    )

    def __init__(self, plan: Plan) -> None:
        self._chroma = Chroma(plan.grid)
        semitones = np.arange(12)
        axes = [
            radius * turn(np.pi * half_turns * semitones)
            for half_turns, radius in _CIRCLES
            for turn in (np.sin, np.cos)
        ]
        self._axes = np.ascontiguousarray(np.transpose(axes), dtype=np.float32)

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        chroma = group.of(self._chroma)
        # Its largest is 1, or all are 0.
        total = np.maximum(np.add.reduce(chroma, axis=1, keepdims=True), np.float32(1.0))
        return aligned_product(chroma / total, self._axes, first=group.first)
