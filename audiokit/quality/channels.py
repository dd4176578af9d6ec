"""What state each channel is in: dead, the same as another, or against it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.quality.frames import Stretch
from audiokit.stage import StreamFormat
from audiokit.units import power_to_db

__all__ = ["ChannelReport", "Channels"]

_DEAD_DBFS = -80.0
# A channel with nothing but the noise of its input is dead beside one with speech.
_DEAD_BELOW_LOUDEST_DB = 50.0
_OPPOSED_CORRELATION = -0.9
_LOUDEST_FOR_DEAD_DBFS = -60.0
# A few samples say nothing about a channel.
_SHORTEST_S = 0.1


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """Levels of the channels and how they belong together. Channels count from 1."""

    levels_dbfs: tuple[float, ...]
    """Mean level of each channel without its offset; -200 if it never moves."""
    dead: tuple[int, ...]
    """Channels without sound where another has some. Of a recording under 0.1 s, none."""
    identical: tuple[tuple[int, int], ...]
    """Pairs of neighbours that are the same to the bit: one channel, twice."""
    opposed: tuple[tuple[int, int], ...]
    """Pairs of neighbours in anti-phase (correlation below -0.9): their mean is silence."""
    lowest_correlation: float | None
    """Of the pairs of neighbours that both have sound, -1 to 1; None without such a pair."""


class Channels:
    """Level of each channel, and the correlation of neighbours.

    Neighbours are the channels 1 and 2, 2 and 3, and so on.

    Args:
        fmt: Format of the stream.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        n_pairs = fmt.channels - 1
        self._shortest_samples = round(_SHORTEST_S * fmt.sample_rate)
        self._n_samples = 0
        self._sum = np.zeros(fmt.channels)
        self._energy = np.zeros(fmt.channels)
        self._product = np.zeros(n_pairs)
        self._is_same = np.ones(n_pairs, bool)

    def add(self, stretch: Stretch) -> None:
        """Hear the next stretch."""
        channels = np.ascontiguousarray(stretch.samples.T)
        self._n_samples += len(stretch.samples)
        self._sum += channels.sum(axis=1)
        for index, channel in enumerate(channels):
            self._energy[index] += np.square(channel).sum()
        for index in range(len(self._product)):
            this, other = channels[index], channels[index + 1]
            self._product[index] += (this * other).sum()
            self._is_same[index] = self._is_same[index] and np.array_equal(this, other)

    def report(self) -> ChannelReport:
        """Return the state of all channels so far."""
        n_samples = max(1, self._n_samples)
        mean = self._sum / n_samples
        # Rounding leaves an offset of 0.7 with a power of 1e-8 beside it.
        rounding = 1e-7 * self._energy / n_samples
        power = np.maximum(0.0, self._energy / n_samples - np.square(mean) - rounding)
        levels = np.array([power_to_db(each) for each in power])
        loudest = float(levels.max())
        is_dead = (levels < _DEAD_DBFS) | (levels < loudest - _DEAD_BELOW_LOUDEST_DB)
        is_long = self._n_samples >= self._shortest_samples
        is_dead &= is_long and loudest > _LOUDEST_FOR_DEAD_DBFS
        has_sound = (levels[1:] >= _DEAD_DBFS) & (levels[:-1] >= _DEAD_DBFS)
        has_sound &= is_long & ~(is_dead[1:] | is_dead[:-1])
        product = self._product / n_samples - mean[1:] * mean[:-1]
        correlation = product / np.sqrt(np.maximum(power[1:] * power[:-1], 1e-30))
        is_opposed = has_sound & (correlation < _OPPOSED_CORRELATION)
        heard = np.clip(correlation[has_sound], -1.0, 1.0)
        return ChannelReport(
            levels_dbfs=tuple(levels.tolist()),
            dead=tuple((np.flatnonzero(is_dead) + 1).tolist()),
            identical=_pairs(self._is_same & has_sound),
            opposed=_pairs(is_opposed),
            lowest_correlation=float(heard.min()) if len(heard) else None,
        )


def _pairs(is_pair: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    return tuple((index + 1, index + 2) for index in np.flatnonzero(is_pair).tolist())
