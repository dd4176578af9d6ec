"""The mean spectrum of a stream, from which bandwidth, codecs and tones are read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from audiokit.quality.frames import FrameGrid, Stretch
from audiokit.stage import StreamFormat

__all__ = ["MeanSpectrum", "SpectrumReport"]


@dataclass(frozen=True, slots=True)
class SpectrumReport:
    """Mean power of a stream at each frequency."""

    n_frames: int
    """Frames that were averaged."""
    bins_hz: NDArray[np.float64] = field(repr=False)
    """Frequencies, ``(bins,)``, in Hz."""
    power: NDArray[np.float64] = field(repr=False)
    """Mean power in each bin, ``(bins,)``; all together are the mean square."""


class MeanSpectrum:
    """Average the power of all frames.

    Args:
        fmt: Format of the stream.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self._bins_hz = FrameGrid.at(fmt.sample_rate).bins_hz
        self._sum = np.zeros(len(self._bins_hz))
        self._n_frames = 0

    def add(self, stretch: Stretch) -> None:
        """Hear the next stretch."""
        self._n_frames += len(stretch.power)
        self._sum += stretch.power.sum(axis=0)

    def report(self) -> SpectrumReport:
        """Return the mean of all frames so far."""
        return SpectrumReport(self._n_frames, self._bins_hz, self._sum / max(1, self._n_frames))
