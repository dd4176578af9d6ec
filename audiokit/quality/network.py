"""The network of the judge: what it hears, stretch by stretch, and what it makes of it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.weights import load_weights
from audiokit.quality.bands import FLOOR_DB, N_BANDS

__all__ = [
    "FAULTS",
    "FAULT_OUTPUTS",
    "N_HEADS",
    "N_OUTPUTS",
    "N_STATISTICS",
    "PATCH_FRAMES",
    "PATCH_HOP",
    "PATCH_SPAN",
    "Hearing",
    "JudgeWeights",
    "LevelTally",
    "judge_weights",
]

Values = NDArray[np.float32]

PATCH_FRAMES, PATCH_HOP = 6, 3
"""Frames that the first layer hears at once, and from one such patch to the next."""
PATCH_SPAN = 3
"""Patches that the second layer hears at once."""
N_HEADS = 8
"""Ways of attending: each weighs the moments by a rule of its own."""
QUANTILES = (0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97)
N_STATISTICS = len(QUANTILES) * N_BANDS
"""Quantiles of the level of each band."""
FAULTS = ("noise", "reverberation", "clipping", "band", "coding", "loss", "processing")
"""What can be wrong with a recording of speech."""
FAULT_OUTPUTS = slice(9, 9 + len(FAULTS))
"""Logits of the extent of each fault, in their order."""
N_OUTPUTS = 16
"""Quantiles 0.05, 0.5 and 0.95 of the SNR / 10 dB; the same of PESQ's mark; DNSMOS's mark;
the logit of speech; a spare; the faults."""

_N_STEPS = 140  # of a decibel, from `FLOOR_DB` up
_MOST_ATTENTION = np.float32(4.0)
# Nothing of the kind is a recording: digital silence, or the last bit of 16.
_UNHEARD_DB = -95.0


class JudgeWeights(NamedTuple):
    """Everything the network has learnt, and how its outputs are read.

    Args:
        patch: Matrices are ``(from, to)``; each has a bias.
        spread: By what the bands of SNR and of PESQ are widened, ``(2,)``.
        costs: Points of PESQ that each fault costs in full, ``(len(FAULTS),)``.
        usual: Extent of each fault that is taken for none, ``(len(FAULTS),)``.
        limits: Logits of speech and of processing above which they are there, ``(2,)``.
    """

    patch: Values
    patch_bias: Values
    span: Values
    span_bias: Values
    attention: Values
    attention_bias: Values
    dense: Values
    dense_bias: Values
    narrow: Values
    narrow_bias: Values
    out: Values
    out_bias: Values
    spread: Values
    costs: Values
    usual: Values
    limits: Values


@lru_cache(maxsize=1)
def judge_weights() -> JudgeWeights:
    """Return the weights that the package ships."""
    return JudgeWeights(**load_weights("audiokit.quality", "judge.npz"))


class LevelTally:
    """Levels of bands so far, relative to a level of reference and counted.

    The reference is the level of the loudest stretch so far, so that gain is nothing to it.
    """

    def __init__(self) -> None:
        self.reference_db = -math.inf
        self._counts = np.zeros((N_BANDS, _N_STEPS), np.int64)
        self._first_step = np.arange(N_BANDS) * _N_STEPS

    def add(self, levels: Values) -> Values | None:
        """Hear the band levels of the next stretch.

        Args:
            levels: In dBFS, ``(frames, N_BANDS)``.

        Returns:
            The same as the network takes them, -2.5 to 2.5; None of digital silence.
        """
        if not len(levels):
            return None
        power = np.power(np.float32(10.0), levels * np.float32(0.1))
        level_db = float(10.0 * np.log10(np.add.reduce(power, axis=None) / len(levels)))
        if level_db < _UNHEARD_DB:
            return None
        self.reference_db = max(self.reference_db, level_db)
        steps = np.minimum((levels - np.float32(FLOOR_DB)).astype(np.int64), _N_STEPS - 1)
        steps += self._first_step
        counts = np.bincount(steps.ravel(), minlength=self._counts.size)
        self._counts += counts.reshape(self._counts.shape)
        return self._relative(levels)

    def statistics(self) -> Values:
        """Return quantiles of the level of each band so far, ``(N_STATISTICS,)``."""
        below = np.cumsum(self._counts, axis=1)
        wanted = np.array(QUANTILES)[:, np.newaxis] * below[:, -1]
        steps = np.array([(below <= each[:, np.newaxis]).sum(axis=1) for each in wanted])
        return self._relative((steps + (FLOOR_DB + 0.5)).astype(np.float32).ravel())

    def _relative(self, levels: Values) -> Values:
        """Return levels over 20 dB around 30 dB below the reference."""
        relative: Values = (levels - np.float32(self.reference_db - 30.0)) * np.float32(0.05)
        return np.clip(relative, np.float32(-2.5), np.float32(2.5), out=relative)


class Hearing:
    """What the network has heard so far: sums, whose number does not grow.

    Args:
        weights: What it has learnt.
    """

    def __init__(self, weights: JudgeWeights) -> None:
        self._weights = weights
        self._tally = LevelTally()
        self._weight = np.zeros(N_HEADS)
        self._sums = np.zeros((2, N_HEADS, weights.span.shape[1] // N_HEADS))

    def add(self, levels: Values) -> None:
        """Hear the band levels of the next stretch, ``(frames, N_BANDS)``."""
        inputs = self._tally.add(levels)
        if inputs is None:
            return
        n_patches = (len(inputs) - PATCH_FRAMES) // PATCH_HOP + 1
        if n_patches >= PATCH_SPAN:
            self._attend(_windows(inputs, PATCH_FRAMES, PATCH_HOP))

    def _attend(self, patches: Values) -> None:
        weights = self._weights
        hidden = _rectified(patches, weights.patch, weights.patch_bias)
        moments = _rectified(_windows(hidden, PATCH_SPAN, 1), weights.span, weights.span_bias)
        heed = np.exp(
            _MOST_ATTENTION * np.tanh(moments @ weights.attention + weights.attention_bias)
        )
        split = moments.reshape(len(moments), N_HEADS, -1)
        weighed = split * heed[:, :, np.newaxis]
        self._weight += np.add.reduce(heed, axis=0)
        self._sums[0] += np.add.reduce(weighed, axis=0)
        weighed *= split
        self._sums[1] += np.add.reduce(weighed, axis=0)

    def says(self) -> Values | None:
        """Return what the network says, ``(N_OUTPUTS,)``; None where it heard too little."""
        if not self._weight.any():
            return None
        weights = self._weights
        mean, square = self._sums / self._weight[:, np.newaxis]
        deviation = np.sqrt(np.maximum(square - mean * mean, 0.0) + 1e-4)
        heard = [mean.ravel(), deviation.ravel(), self._tally.statistics()]
        hidden = np.concatenate(heard).astype(np.float32)
        hidden = _rectified(hidden, weights.dense, weights.dense_bias)
        hidden = _rectified(hidden, weights.narrow, weights.narrow_bias)
        said: Values = hidden @ weights.out + weights.out_bias
        return said


def _windows(frames: Values, span: int, hop: int) -> Values:
    """Return overlapping frames side by side, ``(windows, span * columns)``."""
    n_windows = (len(frames) - span) // hop + 1
    last = (n_windows - 1) * hop + 1
    return np.concatenate([frames[at : at + last : hop] for at in range(span)], axis=1)


def _rectified(values: Values, weights: Values, bias: Values) -> Values:
    out: Values = values @ weights
    out += bias
    return np.maximum(out, np.float32(0.0), out=out)
