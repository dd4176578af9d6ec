"""The network of the judge: what it hears, stretch by stretch, and what it makes of it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.weights import load_weights
from audiokit.quality.bands import FLOOR_DB, N_BANDS

__all__ = [
    "FAULTS",
    "FAULT_OUTPUTS",
    "N_FEATURES",
    "N_MEMBERS",
    "N_OUTPUTS",
    "RATIO_KNOTS_DB",
    "BandTally",
    "JudgeWeights",
    "Member",
    "clipped_share",
    "fault_extents",
    "judge_weights",
    "mark_quantiles",
    "says",
]

Values = NDArray[np.float32]

FAULTS = ("noise", "reverberation", "clipping", "band", "coding", "loss", "processing")
"""What can be wrong with a recording of speech."""
FAULT_OUTPUTS = slice(9, 9 + len(FAULTS))
"""Logits of the extent of each fault, in their order."""
N_OUTPUTS = 16
"""Quantiles 0.05, 0.5 and 0.95 of the SNR / 10 dB; the same of PESQ's mark; DNSMOS's mark;
the logit of speech; a spare; the faults."""
N_MEMBERS = 4
"""Networks that learnt the same from different beginnings; what they say is averaged."""

RATIO_KNOTS_DB = np.arange(-10.0, 41.0, 5.0)
"""SNR for each of which a mark is known that such recordings have."""

_QUANTILES = (0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97)
_LAGS = (1, 2, 4, 8)
_LAG_SCALES_DB = (5.0, 8.0, 10.0, 10.0)
# Lags whose rises are weighed against their falls: words begin faster than rooms end.
_SIDED = (0, 2)
N_FEATURES = len(_QUANTILES) * (N_BANDS + 1) - 1 + (len(_LAGS) + len(_SIDED) + 1) * N_BANDS - 1
"""Values that the network hears of a recording."""

_N_STEPS = 140  # of a decibel, from `FLOOR_DB` up
_RANGE_DB = 80.0
_MOST_CHANGE_DB = 40.0
_LOUD_SHARE = 0.2
_FEWEST_FRAMES = 12
# Digital silence, or the last bit of 16.
_UNHEARD_DB = -95.0


class Member(NamedTuple):
    """One network: matrices ``(from, to)``, and their biases."""

    dense: Values
    dense_bias: Values
    narrow: Values
    narrow_bias: Values
    out: Values
    out_bias: Values


class JudgeWeights(NamedTuple):
    """Everything the networks have learnt, and how their outputs are read.

    Args:
        members: The networks.
        centre: Mean of each feature in training, ``(N_FEATURES,)``.
        scale: Its deviation.
        spread: By what the bands of SNR and of PESQ are widened, ``(2,)``.
        costs: Points of PESQ that each fault costs in full, ``(len(FAULTS),)``.
        usual: Extent of each fault that is taken for none, ``(len(FAULTS),)``.
        limits: Logits of speech and of processing above which they are there, ``(2,)``.
        share: What the SNR has to say in the mark of what has nothing but noise, ``(1,)``.
        ratio_marks: PESQ's mark at each of `RATIO_KNOTS_DB`.
        clipping: Share of a mark that clipping takes, see `clipped_share`, ``(1,)``.
    """

    members: tuple[Member, ...]
    centre: Values
    scale: Values
    spread: Values
    costs: Values
    usual: Values
    limits: Values
    share: Values
    ratio_marks: Values
    clipping: Values


@lru_cache(maxsize=1)
def judge_weights() -> JudgeWeights:
    """Return the weights that the package ships."""
    stored = load_weights("audiokit.quality", "judge.npz")
    members = tuple(
        Member(**{name: stored.pop(f"{name}{number}") for name in Member._fields})
        for number in range(N_MEMBERS)
    )
    return JudgeWeights(members, **stored)


def says(features: Values, weights: JudgeWeights) -> Values:
    """Return what the networks say of a recording, ``(N_OUTPUTS,)``.

    Args:
        features: See `BandTally.features`.
        weights: What they have learnt.
    """
    heard = (features - weights.centre) / weights.scale
    total = np.zeros(N_OUTPUTS, np.float32)
    for member in weights.members:
        hidden = np.maximum(heard @ member.dense + member.dense_bias, np.float32(0.0))
        hidden = np.maximum(hidden @ member.narrow + member.narrow_bias, np.float32(0.0))
        total += hidden @ member.out + member.out_bias
    said: Values = total / np.float32(len(weights.members))
    return said


def fault_extents(said: NDArray[Any]) -> NDArray[np.float64]:
    """Return the extent of each fault, 0 to 1, ``(..., len(FAULTS))``.

    Args:
        said: ``(..., N_OUTPUTS)``.
    """
    extents: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-said[..., FAULT_OUTPUTS].astype(float)))
    return extents


def clipped_share(clipping_ratio: Any) -> NDArray[np.float64]:
    """Return how far clipping is beyond what nobody hears, 0 to 0.8, by the decade.

    Flat tops are counted; levels of bands hardly tell them.

    Args:
        clipping_ratio: Share of samples in flat tops; any shape.
    """
    decades = np.log10(np.maximum(clipping_ratio, 1e-9))
    share: NDArray[np.float64] = np.clip(0.25 * decades + 0.8, 0.0, 0.8)
    return share


def mark_quantiles(
    said: NDArray[Any], *, share: float, ratio_marks: NDArray[Any]
) -> NDArray[np.float64]:
    """Return quantiles of the mark: PESQ's as it is heard, and that which the SNR stands for.

    The SNR carries over to other talkers and microphones better; but where something else is
    wrong than noise, it says nothing of it, and its share goes to what is heard of PESQ.

    Args:
        said: ``(..., N_OUTPUTS)``.
        share: See `JudgeWeights`.
        ratio_marks: See there.

    Returns:
        ``(..., 3)``, 1 to 5.
    """
    by_ratio = np.interp(10.0 * said[..., 0:3], RATIO_KNOTS_DB, ratio_marks)
    only_noise = np.prod(1.0 - fault_extents(said)[..., 1:], axis=-1)[..., np.newaxis]
    quantiles: NDArray[np.float64] = said[..., 3:6] + share * only_noise * (
        by_ratio - said[..., 3:6]
    )
    return quantiles


class BandTally:
    """Levels of bands so far, and how they change: counts and sums, whose number does not grow.

    All is relative to the recording's own loud parts, so that gain is nothing to it.
    """

    def __init__(self) -> None:
        self._reference_db = -math.inf
        self._counts = np.zeros((N_BANDS + 1, _N_STEPS), np.int64)
        self._first_step = np.arange(N_BANDS + 1) * _N_STEPS
        self._changes = np.zeros((len(_LAGS), N_BANDS))
        self._rises = np.zeros((len(_SIDED), N_BANDS))
        self._falls = np.zeros((len(_SIDED), N_BANDS))
        self._n_changes = np.zeros(len(_LAGS), np.int64)
        self._neighbours = np.zeros(N_BANDS - 1)
        self._n_beside = 0

    def add(self, levels: Values) -> None:
        """Hear the band levels of the next stretch in dBFS, ``(frames, N_BANDS)``."""
        if not len(levels):
            return
        power = np.add.reduce(np.power(np.float32(10.0), levels * np.float32(0.1)), axis=1)
        level_db = 10.0 * math.log10(float(np.add.reduce(power)) / len(power))
        # A pause without any sound is a pause; a whole second of it is no part of a recording.
        if level_db < _UNHEARD_DB:
            return
        self._reference_db = max(self._reference_db, level_db)
        both = np.concatenate([levels, 10.0 * np.log10(power)[:, np.newaxis]], axis=1)
        steps = np.clip((both - np.float32(FLOOR_DB)).astype(np.int64), 0, _N_STEPS - 1)
        steps += self._first_step
        counts = np.bincount(steps.ravel(), minlength=self._counts.size)
        self._counts += counts.reshape(self._counts.shape)
        self._add_changes(np.maximum(levels, np.float32(self._reference_db - _RANGE_DB)))

    def _add_changes(self, levels: Values) -> None:
        most = np.float32(_MOST_CHANGE_DB)
        for number, lag in enumerate(_LAGS):
            change = np.clip(levels[lag:] - levels[:-lag], -most, most)
            self._n_changes[number] += len(change)
            self._changes[number] += np.add.reduce(np.abs(change), axis=0)
            if number in _SIDED:
                at = _SIDED.index(number)
                rises = np.square(np.maximum(change, np.float32(0.0)))
                self._rises[at] += np.add.reduce(rises, axis=0)
                self._falls[at] += np.add.reduce(np.square(change) - rises, axis=0)
        beside = np.minimum(np.abs(np.diff(levels, axis=1)), np.float32(30.0))
        self._neighbours += np.add.reduce(beside, axis=0)
        self._n_beside += len(levels)

    def features(self) -> Values | None:
        """Return what the network hears of all so far, ``(N_FEATURES,)``.

        Quantiles of each band's level below its own highest, that highest below the loud fifth
        of all frames, quantiles of all bands together, and mean changes from frame to frame and
        from band to band; None where less than 0.3 s was heard.
        """
        n_frames = int(self._counts[-1].sum())
        if n_frames < _FEWEST_FRAMES or not self._n_changes[0]:
            return None
        middle = np.arange(_N_STEPS, dtype=np.float64) + (FLOOR_DB + 0.5)
        reference_db = self._loud_db(middle)
        below = np.cumsum(self._counts, axis=1)
        quantiles = np.array(
            [middle[(below <= share * n_frames).sum(axis=1)] for share in _QUANTILES]
        )
        quantiles = np.maximum(quantiles, reference_db - _RANGE_DB)
        depths = np.clip(quantiles[:-1] - quantiles[-1], -60.0, 0.0) / 20.0
        tilt = np.clip(quantiles[-1, :N_BANDS] - reference_db, -60.0, 10.0) / 20.0
        n_changes = np.maximum(self._n_changes, 1)[:, np.newaxis]
        scales = np.array(_LAG_SCALES_DB)[:, np.newaxis]
        sided = (np.sqrt(self._rises) - np.sqrt(self._falls)) / np.sqrt(n_changes[list(_SIDED)])
        heard = [
            depths.ravel(),
            tilt,
            (self._changes / n_changes / scales).ravel(),
            (sided / scales[list(_SIDED)]).ravel(),
            self._neighbours / self._n_beside / 5.0,
        ]
        return np.concatenate(heard).astype(np.float32)

    def _loud_db(self, middle: NDArray[np.float64]) -> float:
        """Return the mean level of the loudest fifth of all frames."""
        counts = self._counts[-1][::-1]
        wanted = max(1, int(_LOUD_SHARE * counts.sum()))
        taken = np.diff(np.minimum(np.cumsum(counts), wanted), prepend=0)
        power = float(np.sum(taken * 10.0 ** (0.1 * middle[::-1])))
        return 10.0 * math.log10(power / wanted)
