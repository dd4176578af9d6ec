"""The mean of a recording taken off, and its highest sample made 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from audiokit.stage import Block, Meter, Processor, StreamFormat, TwoPass

__all__ = ["Extent", "ExtentMeter", "Rescaler", "UnitPeak", "UnitPeakSettings"]

_GROUP_SAMPLES = 1024
_PIECE_SAMPLES = 16384
# What keeps silence from being divided by nothing; pyAudioAnalysis' own.
_LEAST = 1e-10


@dataclass(frozen=True, slots=True)
class UnitPeakSettings:
    """There is nothing to set."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the samples of a stream lie.

    Args:
        means: Of each channel; full scale is 1.
        peak: Largest distance of a sample from its channel's mean.
    """

    means: tuple[float, ...]
    peak: float


class ExtentMeter(Meter[Extent]):
    """Measure mean and extent, in double precision, however the stream is cut.

    Args:
        fmt: Format of the stream.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self.fmt = fmt
        self.reset()

    def reset(self) -> None:
        self._held = self.fmt.silence(0)
        self._n_samples = 0
        self._total = np.zeros(self.fmt.channels)
        self._lowest = np.full(self.fmt.channels, np.inf)
        self._highest = np.full(self.fmt.channels, -np.inf)

    def update(self, block: Block) -> None:
        if not len(block):
            return
        self._n_samples += len(block)
        self._lowest = np.minimum(self._lowest, block.min(axis=0))
        self._highest = np.maximum(self._highest, block.max(axis=0))
        # Groups laid on the count since the start, one after the other: the same sum, to the
        # bit, for any cutting.
        held = np.concatenate([self._held, block])
        n_groups = len(held) // _GROUP_SAMPLES
        groups = held[: n_groups * _GROUP_SAMPLES].reshape(
            n_groups, _GROUP_SAMPLES, self.fmt.channels
        )
        for group in groups.sum(axis=1, dtype=np.float64):
            self._total = self._total + group
        self._held = held[n_groups * _GROUP_SAMPLES :].copy()

    def result(self) -> Extent:
        if not self._n_samples:
            return Extent((0.0,) * self.fmt.channels, 0.0)
        total = self._total + self._held.sum(axis=0, dtype=np.float64)
        means = total / self._n_samples
        peak = max((self._highest - means).max(), (means - self._lowest).max())
        return Extent(tuple(means.tolist()), float(peak))


class Rescaler(Processor):
    """Take a mean off each channel and divide all by one number.

    Args:
        fmt: Format of the stream.
        extent: What is taken off, and what is divided by.
    """

    def __init__(self, fmt: StreamFormat, extent: Extent) -> None:
        self.fmt = fmt
        self._means = np.array(extent.means)
        self._scale = extent.peak + _LEAST

    def process(self, block: Block) -> Block:
        rescaled = np.empty_like(block)
        # In double precision, so that what lies a hair off the mean keeps its sign, and in
        # pieces that stay in cache.
        for start in range(0, len(block), _PIECE_SAMPLES):
            piece = slice(start, start + _PIECE_SAMPLES)
            centred = block[piece] - self._means
            np.divide(centred, self._scale, out=rescaled[piece], casting="same_kind")
        return rescaled

    def flush(self) -> Block:
        return self.fmt.silence(0)

    def reset(self) -> None:
        pass


class UnitPeak(TwoPass[Extent]):
    """Hear the whole recording, then take its mean off and bring its highest sample to 1.

    What pyAudioAnalysis does to a recording before it looks at frames (``dc_normalize``):
    channels keep their proportion.

    Args:
        fmt: Format of the stream.
        settings: There are none.
    """

    corrects: ClassVar[bool] = False

    def __init__(self, fmt: StreamFormat, settings: UnitPeakSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or UnitPeakSettings()

    def new_meter(self, fmt: StreamFormat) -> Meter[Extent]:
        return ExtentMeter(fmt)

    def build(self, report: Extent) -> Rescaler:
        return Rescaler(self.fmt, report)
