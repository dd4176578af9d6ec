"""Peak, headroom and offset of a stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiokit.quality.frames import Stretch
from audiokit.stage import StreamFormat
from audiokit.units import amplitude_to_db

__all__ = ["PeakReport", "Peaks"]


@dataclass(frozen=True, slots=True)
class PeakReport:
    """What the samples reach. Exact, not estimated."""

    peak_dbfs: float
    """Highest sample of any channel; -200 if all are zero."""
    headroom_db: float
    """From the highest sample up to full scale; negative where samples lie beyond it."""
    dc_offset: float
    """Mean of the channel whose mean lies farthest from zero; full scale is 1."""
    dc_offset_dbfs: float
    """The size of that mean as a level; -200 if it is zero."""


class Peaks:
    """Highest sample, and the mean of each channel.

    Args:
        fmt: Format of the stream.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self._n_samples = 0
        self._peak = 0.0
        self._sum = np.zeros(fmt.channels)

    def add(self, stretch: Stretch) -> None:
        """Hear the next stretch."""
        samples = stretch.samples
        self._n_samples += len(samples)
        self._peak = max(self._peak, float(samples.max()), -float(samples.min()))
        # Channels first: a sum over the rows of a narrow array costs far more. Pairwise
        # sums of one second are exact enough in single precision.
        self._sum += np.ascontiguousarray(samples.T).sum(axis=1)

    def report(self) -> PeakReport:
        """Return what the samples so far reach."""
        means = self._sum / max(1, self._n_samples)
        offset = float(means[np.argmax(np.abs(means))])
        peak_dbfs = amplitude_to_db(self._peak)
        return PeakReport(peak_dbfs, -peak_dbfs, offset, amplitude_to_db(abs(offset)))
