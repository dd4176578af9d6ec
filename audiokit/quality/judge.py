"""The judge: SNR, a mark of quality, and what is wrong, by a network that has learnt it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from audiokit.quality.bands import band_levels
from audiokit.quality.frames import Stretch
from audiokit.quality.network import (
    FAULT_OUTPUTS,
    FAULTS,
    BandTally,
    JudgeWeights,
    clipped_share,
    fault_extents,
    judge_weights,
    mark_quantiles,
    says,
)
from audiokit.stage import StreamFormat

__all__ = ["Judge", "Judgement"]

_SNR_RANGE_DB = (-15.0, 50.0)
# From the least and the highest mark that PESQ gives for a wide band (ITU-T P.862.2).
_PESQ_RANGE = (1.02, 4.64)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the network makes of a recording. Bands hold nine in ten."""

    snr_db: float
    """Active speech (P.56) over noise in dB, -15 to 50."""
    snr_low_db: float
    """One recording in twenty has less."""
    snr_high_db: float
    """One in twenty has more."""
    pesq: float
    """The mark that PESQ would give, had it the clean sentence; 1.02 to 4.64."""
    pesq_low: float
    """One recording in twenty has less."""
    pesq_high: float
    """One in twenty has more."""
    dnsmos: float
    """The mark that DNSMOS would give, 1 to 5."""
    speech_probability: float
    """How likely somebody speaks, 0 to 1."""
    has_speech: bool
    """Whether that is likely enough for a score."""
    processed_probability: float
    """How likely a denoiser was at work, 0 to 1."""
    is_processed: bool
    """Whether that is likely enough to mistrust the SNR."""
    costs: Mapping[str, float] = field(default_factory=dict)
    """Weight of each fault in what is missing from the best mark, by its name, 0 or more."""


class Judge:
    """Hear a stream as the network does.

    Gain is nothing to it; what lies above 8 kHz is not heard.

    Args:
        fmt: Format of the stream.
        weights: What the network has learnt; None stands for what the package ships.
    """

    def __init__(self, fmt: StreamFormat, weights: JudgeWeights | None = None) -> None:
        self._sample_rate = fmt.sample_rate
        self._weights = judge_weights() if weights is None else weights
        self._tally = BandTally()

    def add(self, stretch: Stretch) -> None:
        """Hear the next stretch."""
        self._tally.add(band_levels(stretch, sample_rate=self._sample_rate))

    def report(self, *, clipping_ratio: float = 0.0) -> Judgement | None:
        """Return the judgement so far; None where less than 0.3 s was heard.

        Args:
            clipping_ratio: Share of samples in flat tops, which levels of bands hardly tell.
        """
        features = self._tally.features()
        if features is None:
            return None
        weights = self._weights
        said = says(features, weights)
        # Each edge of a band moves out until nine in ten of the held-back takes lie inside.
        snr_low, snr_db, snr_high = (10.0 * _ordered(said[0:3], float(weights.spread[0]))).tolist()
        marks = mark_quantiles(
            said, share=float(weights.share[0]), ratio_marks=weights.ratio_marks
        )
        marks = np.clip(_ordered(marks, float(weights.spread[1])), *_PESQ_RANGE)
        lost = min(1.0, float(weights.clipping[0]) * float(clipped_share(clipping_ratio)))
        pesq = (marks - lost * (marks - _PESQ_RANGE[0])).tolist()
        extents = fault_extents(said)
        costs = weights.costs * np.maximum(extents - weights.usual, 0.0)
        speech, processed = float(said[7]), float(extents[FAULTS.index("processing")])
        return Judgement(
            snr_db=float(np.clip(snr_db, *_SNR_RANGE_DB)),
            snr_low_db=float(np.clip(snr_low, *_SNR_RANGE_DB)),
            snr_high_db=float(np.clip(snr_high, *_SNR_RANGE_DB)),
            pesq=pesq[1],
            pesq_low=pesq[0],
            pesq_high=pesq[2],
            dnsmos=float(np.clip(said[6], 1.0, 5.0)),
            speech_probability=1.0 / (1.0 + math.exp(-max(-50.0, speech))),
            has_speech=speech > float(weights.limits[0]),
            processed_probability=processed,
            is_processed=float(said[FAULT_OUTPUTS][FAULTS.index("processing")])
            > float(weights.limits[1]),
            costs=dict(zip(FAULTS, costs.tolist(), strict=True)),
        )


def _ordered(quantiles: np.ndarray, spread: float) -> np.ndarray:
    """Return quantiles whose outer two lie so much further from the middle, on either side."""
    low, middle, high = np.asarray(quantiles, np.float64)
    return np.array(
        [
            middle - spread * max(middle - low, 0.0),
            middle,
            middle + spread * max(high - middle, 0.0),
        ]
    )
