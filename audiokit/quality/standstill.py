"""Where a waveform stands still: zeros or a held sample, and what lies on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.quality.frames import Stretch
from audiokit.stage import StreamFormat

__all__ = ["LONGEST_S", "ZERO", "Span", "Standstills"]

LONGEST_S = 1.0
"""What stands still for longer has ended."""
ZERO = 1e-7
"""A value this small is zero; full scale is 1."""

_SHORTEST_S = 0.002
_SIDE_S = 0.004
_EDGE_S = 0.0005
# A resampler rings into a hole: 5 ms are the most, below a thirtieth of the sound around it.
_REACH_S, _RINGING = 0.005, 0.03
_FEWEST_EDGE_SAMPLES = 4
# Below lies nothing that could be cut off.
_SOFTEST_SIDE = 1e-5
# So that memory stays bounded in a recording of nothing but holes.
_MOST_SPANS = 20_000


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one channel in which the waveform stands still."""

    channel: int
    start_sample: int
    n_samples: int
    value: float
    before: float
    """Root mean square of the 4 ms before, from the value that is held."""
    after: float
    """The same of the 4 ms after."""
    edge_before: float
    """Root mean square of the last 0.5 ms before, from the value that is held."""
    edge_after: float
    """The same of the first 0.5 ms after."""
    peak: float
    """Largest size on both sides; full scale is 1."""
    n_steps: float
    """Level of the softer side, in steps of the quantiser."""
    is_smooth: bool
    """True if sounds die away into the span, as a filter's ringing does, and many fades;
    the span then begins and ends where they have fallen to a thirtieth."""

    @property
    def end_sample(self) -> int:
        """The first sample that moves again."""
        return self.start_sample + self.n_samples

    @property
    def abruptness(self) -> float:
        """How much of its level the sound keeps up to the edges, about 0 to 1.

        Sounds that fade out and in have little; where a hole was cut it is near 1, and less
        where the cut met the wave near zero. Before a held sample the wave comes near it in
        any case: only what follows tells.
        """
        last = self.edge_after / max(self.after, _SOFTEST_SIDE)
        if abs(self.value) > ZERO:
            return last
        return float((last * self.edge_before / max(self.before, _SOFTEST_SIDE)) ** 0.5)


class Standstills:
    """Find spans of 2 ms to 1 s in which a channel stands still between two sounds.

    Args:
        fmt: Format of the stream.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self._channels = [_Channel(fmt.sample_rate) for _ in range(fmt.channels)]
        self._spans: list[Span] = []
        self._is_complete = True

    @property
    def spans(self) -> list[Span]:
        """What was found so far, by channel and time within a second."""
        return self._spans

    @property
    def is_complete(self) -> bool:
        """False when there were more spans than are kept (20,000)."""
        return self._is_complete

    def add(self, stretch: Stretch) -> None:
        """Hear the next stretch."""
        for index, channel in enumerate(self._channels):
            samples = np.ascontiguousarray(stretch.samples[:, index])
            self._spans += channel.add(samples, index)
        if len(self._spans) > _MOST_SPANS:
            del self._spans[_MOST_SPANS:]
            self._is_complete = False


class _Channel:
    """One channel, whose last spans may go on."""

    def __init__(self, sample_rate: int) -> None:
        self._shortest = max(8, round(_SHORTEST_S * sample_rate))
        self._longest = round(LONGEST_S * sample_rate)
        self._side = max(8, round(_SIDE_S * sample_rate))
        self._reach = round(_REACH_S * sample_rate)
        self._around = self._side + self._reach
        self._edge = max(_FEWEST_EDGE_SAMPLES, round(_EDGE_S * sample_rate))
        self._tail = np.zeros(0, np.float32)
        self._n_heard = 0
        # Spans that end before have been given.
        self._done = 0

    def add(self, samples: NDArray[np.float32], index: int) -> list[Span]:
        joined = np.concatenate([self._tail, samples])
        self._n_heard += len(samples)
        first = self._n_heard - len(joined)
        spans: list[Span] = []
        keep_from = len(joined) - self._around - self._shortest - 1
        for start, end in self._runs(joined):
            if end > len(joined) - self._around:
                # It may go on, or its other side is still to come.
                is_over_long = end - start > self._longest
                keep_from = min(keep_from, end - 1 if is_over_long else start - self._around)
            elif (
                start >= self._around and first + end > self._done and end - start <= self._longest
            ):
                spans += self._span(joined, start, end, place=(index, first))
        self._done = self._n_heard - self._around
        self._tail = joined[max(0, keep_from) :].copy()
        return spans

    def _runs(self, joined: NDArray[np.float32]) -> list[tuple[int, int]]:
        # A sparse look first: most recordings never stand still.
        sparse = joined[:: max(1, self._shortest // 3)]
        if not (sparse[1:] == sparse[:-1]).any():
            return []
        moves = np.flatnonzero(joined[1:] != joined[:-1]) + 1
        bounds = np.concatenate([[0], moves, [len(joined)]])
        is_long = np.diff(bounds) >= self._shortest
        return list(zip(bounds[:-1][is_long].tolist(), bounds[1:][is_long].tolist(), strict=True))

    def _span(
        self, joined: NDArray[np.float32], start: int, end: int, *, place: tuple[int, int]
    ) -> list[Span]:
        index, first = place
        value = joined[start]
        n_before = self._n_ringing((joined[start - self._around : start] - value)[::-1])
        n_after = self._n_ringing(joined[end : end + self._around] - value)
        is_smooth = n_before + n_after >= self._edge
        if is_smooth:
            start, end = start - n_before, end + n_after
        before, after = joined[start - self._side : start], joined[end : end + self._side]
        level = _rms(before - value), _rms(after - value)
        if min(level) < _SOFTEST_SIDE:
            return []
        moves = np.abs(np.concatenate([before, after]) - value)
        span = Span(
            channel=index,
            start_sample=first + start,
            n_samples=end - start,
            value=float(value),
            before=level[0],
            after=level[1],
            edge_before=_rms(before[-self._edge :] - value),
            edge_after=_rms(after[: self._edge] - value),
            peak=max(float(np.abs(before).max()), float(np.abs(after).max())),
            is_smooth=is_smooth,
            n_steps=min(level) / float(moves[moves > 0.0].min()),
        )
        return [span]

    def _n_ringing(self, moves: NDArray[np.float32]) -> int:
        """Return for how many samples from a hole's edge nothing but a filter's ringing moves."""
        is_sound = np.abs(moves[: self._reach]) > _RINGING * _rms(moves)
        return int(np.argmax(is_sound)) if is_sound.any() else 0


def _rms(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))
