"""How strong each of the twelve semitones is, whatever the octave."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audiokit.features.aligned import aligned_product
from audiokit.features.family import Family
from audiokit.features.grid import FrameGrid
from audiokit.features.plan import Plan
from audiokit.features.transform import FrameGroup

__all__ = ["Chroma", "ChromaFamily", "chroma_weights"]

_NAMES = ("c", "c_sharp", "d", "d_sharp", "e", "f", "f_sharp", "g", "g_sharp", "a", "a_sharp", "b")
_A0_HZ = 27.5
# Octaves far from this one, counted from A0, count less: a bell this many octaves wide.
_CENTRE_OCTAVE = 5.0
_OCTAVE_WIDTH = 2.0
_SEMITONES_FROM_C_TO_A = 9
_TINY = np.float32(np.finfo(np.float32).tiny)


@lru_cache(maxsize=16)
def chroma_weights(grid: FrameGrid) -> NDArray[np.float32]:
    """Return what makes semitones of powers, ``(bins, 12)``; read-only."""
    n_bins = grid.n_fft // 2 + 1
    above_hz = np.arange(1, n_bins + 1) * (grid.sample_rate / grid.n_fft)
    semitones = 12.0 * np.log2(above_hz / _A0_HZ)
    # The bin at 0 Hz has no octave; an octave and a half below the next it weighs nothing.
    semitones = np.concatenate([[semitones[0] - 18.0], semitones])
    # A bell as wide as the bin, a semitone at least, around the nearest of its kind.
    widths = np.maximum(np.diff(semitones), 1.0)[:, None]
    semitones = semitones[:n_bins, None]
    distance = np.remainder(semitones - np.arange(12) + 6.0, 12.0) - 6.0
    bells = np.exp(-0.5 * np.square(2.0 * distance / widths))
    bells /= np.sqrt(np.sum(np.square(bells), axis=1, keepdims=True))
    bells *= np.exp(-0.5 * np.square((semitones / 12.0 - _CENTRE_OCTAVE) / _OCTAVE_WIDTH))
    from_c = np.roll(bells, _SEMITONES_FROM_C_TO_A, axis=1)
    weights = np.ascontiguousarray(from_c, dtype=np.float32)
    weights.flags.writeable = False
    return weights


@dataclass(frozen=True, slots=True)
class Chroma:
    """The chroma of frames; equal for equal grids, so that families share its work.

    Args:
        grid: Whose bins are weighted.
    """

    grid: FrameGrid

    def __call__(self, group: FrameGroup) -> NDArray[np.float32]:
        """Return ``(frames, 12)``, the strongest 1; all 0 in digital silence."""
        chroma = aligned_product(group.power, chroma_weights(self.grid), first=group.first)
        strongest = chroma.max(axis=1, keepdims=True)
        strongest[strongest < _TINY] = 1.0
        return np.asarray(chroma / strongest)


class ChromaFamily(Family):
    """``chroma_c`` … ``chroma_b``: power of each semitone over all octaves, 0 to 1.

    The strongest of a frame is 1. librosa's ``chroma_stft`` with ``tuning=0``: it would
    estimate from the *whole* file how far the music is off 440 Hz, which a stream
    cannot.

    Args:
        plan: Where frames and bins lie.

    References:
        D. Ellis, "Chroma feature analysis and synthesis", 2007.
    """

    columns: tuple[str, ...] = tuple(f"chroma_{name}" for name in _NAMES)

    def __init__(self, plan: Plan) -> None:
        self._chroma = Chroma(plan.grid)

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        return group.of(self._chroma)
