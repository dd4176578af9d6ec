"""What compressor, expander and automatic gain share: a gain that moves in time.

Levels are read, and gains decided, once per *hop* of a millisecond; between two hops the
gain is a straight line. So the recursion that gives a gain its attack and release runs a
thousand times a second and not once per sample.

References:
    D. Giannoulis, M. Massberg, J. Reiss, "Digital dynamic range compressor design: a
    tutorial and analysis", Journal of the Audio Engineering Society 60(6), 2012.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import Block, Fact, Processor, StreamFormat
from audiokit.units import SILENCE_DB

__all__ = [
    "HopGain",
    "coefficient",
    "excess_db",
    "follow",
    "peak_levels_db",
    "ramped",
    "row_powers",
]

Curve = NDArray[np.float64]
Rows = NDArray[np.float32]

_HOP_S = 0.001
# So many that what is computed on the way stays in cache.
_PART_VALUES = 1 << 15
# Less is not heard as a change of level.
_REDUCED_DB = 1.0
_LOWEST_AMPLITUDE = 10.0 ** (SILENCE_DB / 20.0)
_NEPERS_PER_DB = math.log(10.0) / 20.0


def coefficient(time_ms: float, hop_s: float) -> float:
    """Return what part of the way a one-pole average goes in one hop; 1 at 0 ms."""
    return 1.0 if time_ms <= 0.0 else -math.expm1(-1000.0 * hop_s / time_ms)


def excess_db(over_db: Curve, knee_db: float) -> Curve:
    """Return how far levels exceed a threshold, bent over the knee.

    Args:
        over_db: Levels less the threshold, in dB.
        knee_db: Width of the bend, centred on the threshold; 0 for a corner.

    References:
        Giannoulis et al., equation 4.
    """
    if knee_db <= 0.0:
        return np.maximum(over_db, 0.0)
    half_db = knee_db / 2.0
    bent = np.minimum(np.maximum(over_db + half_db, 0.0), knee_db)
    bent *= bent
    bent /= 2.0 * knee_db
    bent += np.maximum(over_db - half_db, 0.0)
    return bent


def follow(targets: Iterable[float], start: float, *, up: float, down: float) -> list[float]:
    """Return a one-pole average that rises and falls at different speeds.

    Args:
        targets: Where it is drawn to, hop by hop.
        start: Where it was.
        up: What part of the way it goes in one hop when it rises, 0 to 1.
        down: The same when it falls.
    """
    values = []
    value = start
    for target in targets:
        way = target - value
        value += way * up if way > 0.0 else way * down
        values.append(value)
    return values


def peak_levels_db(rows: Rows) -> Curve:
    """Return the largest magnitude of every row in dB, `SILENCE_DB` where all is zero."""
    # A maximum over rows is an array operation; one within each row would be many loops.
    columns = np.array(rows.T, order="C")
    highest = np.abs(columns, out=columns).max(axis=0).astype(np.float64)
    return np.asarray(20.0 * np.log10(np.maximum(highest, _LOWEST_AMPLITUDE)))


def row_powers(rows: Rows, channels: int) -> Curve:
    """Return the mean square of every row, in its loudest channel.

    Args:
        rows: ``(rows, samples * channels)``, channels interleaved.
        channels: How many.
    """
    powers = np.zeros(len(rows))
    for channel in range(channels):
        own = rows[:, channel::channels]
        np.maximum(powers, np.vecdot(own, own) / own.shape[1], out=powers)
    return powers


def ramped(rows: Rows, amplitudes: Curve, ramp: Rows) -> Rows:
    """Return rows under a gain that runs straight from each amplitude to the next.

    Where two amplitudes are 1 the row keeps its bits.

    Args:
        rows: ``(rows, values)``.
        amplitudes: ``(rows + 1,)``.
        ramp: ``(values,)``, how much of the way is gone at each, 0 to 1.
    """
    ends = amplitudes.astype(np.float32)
    gained: Rows = (ends[1:] - ends[:-1])[:, np.newaxis] * ramp
    gained += ends[:-1, np.newaxis]
    gained *= rows
    return gained


class HopGain(Processor):
    """A processor whose gain follows what subclasses ask for, hop by hop.

    What is asked for within the look-ahead is held all along it: a gain has that long to
    arrive, and stays until what asked for it is over. It begins where the first hop wants
    it, as if the stream had always been so. Channels share one gain, so the image does not
    move. Hops sit at absolute positions: no cutting changes a bit.

    Args:
        fmt: Format of the stream.
        lookahead_ms: How early the gain may begin to move, in ms. Most of the latency;
            the rest is one hop.
        wins: What is held where two hops ask for different gains: `np.minimum` for the
            softer, `np.maximum` for the louder.
        makeup_db: Constant gain on top, in dB.
    """

    def __init__(
        self, fmt: StreamFormat, *, lookahead_ms: float, wins: np.ufunc, makeup_db: float = 0.0
    ) -> None:
        self.fmt = fmt
        self._hop_samples = max(1, round(fmt.sample_rate * _HOP_S))
        self.hop_s = self._hop_samples / fmt.sample_rate
        self._n_ahead = round(lookahead_ms / 1000.0 / self.hop_s)
        self._wins = wins
        self._makeup_db = makeup_db
        self.latency_samples = (self._n_ahead + 1) * self._hop_samples - 1
        ramp = np.arange(1, self._hop_samples + 1, dtype=np.float32) / self._hop_samples
        self._ramp = np.repeat(ramp.astype(np.float32), fmt.channels)
        self.reset()

    @abstractmethod
    def targets_db(self, rows: Rows) -> Curve:
        """Return the gain that each of the next hops asks for, in dB, ``(hops,)``.

        Args:
            rows: ``(hops, samples * channels)``, channels interleaved.
        """

    @abstractmethod
    def gains_db(self, targets_db: Curve, start_db: float) -> list[float]:
        """Return where the gain is at the end of each hop, in dB.

        Args:
            targets_db: Where it is drawn to, ``(hops,)``.
            start_db: Where it is at the start of the first.
        """

    def reset(self) -> None:
        # What is held starts with the first hop that is not out; `_targets_db` belongs to
        # as many hops of it as are whole.
        self._held = self.fmt.silence(0)
        self._targets_db = np.zeros(0)
        self._gain_db = 0.0
        self._n_hops = 0
        self._n_reduced_hops = 0
        self._reduction_sum_db = 0.0
        self._max_reduction_db = 0.0

    def process(self, block: Block) -> Block:
        out = [self.fmt.silence(0)]
        part_samples = max(1, _PART_VALUES // self.fmt.channels)
        for start in range(0, len(block), part_samples):
            self._held = np.concatenate([self._held, block[start : start + part_samples]])
            out.append(self._advance())
        return out[1] if len(out) == 2 else np.concatenate(out)

    def flush(self) -> Block:
        n_samples = len(self._held)
        return self.process(self.fmt.silence(self.latency_samples))[:n_samples]

    def facts(self) -> Mapping[str, Fact]:
        n_hops = max(1, self._n_hops)
        return {
            "max_reduction_db": round(self._max_reduction_db, 2),
            "mean_reduction_db": round(self._reduction_sum_db / n_hops, 2),
            "reduced_ratio": round(self._n_reduced_hops / n_hops, 4),
        }

    def _advance(self) -> Block:
        """Return the hops that have become ready."""
        n_known = len(self._targets_db)
        n_whole = len(self._held) // self._hop_samples
        if n_whole == n_known:
            return self.fmt.silence(0)
        new = self._held[n_known * self._hop_samples : n_whole * self._hop_samples]
        asked_db = self.targets_db(new.reshape(n_whole - n_known, -1))
        self._targets_db = np.concatenate([self._targets_db, asked_db])
        n_ready = n_whole - self._n_ahead
        if n_ready <= 0:
            return self.fmt.silence(0)
        held_db = _held_over(self._targets_db, self._n_ahead + 1, self._wins)
        start_db = self._gain_db if self._n_hops else float(held_db[0])
        gains_db = np.empty(n_ready + 1)
        gains_db[0] = start_db
        gains_db[1:] = self.gains_db(held_db, start_db)
        self._count(gains_db[1:])
        n_samples = n_ready * self._hop_samples
        rows = self._held[:n_samples].reshape(n_ready, -1)
        out = ramped(rows, np.exp((gains_db + self._makeup_db) * _NEPERS_PER_DB), self._ramp)
        self._gain_db = float(gains_db[-1])
        self._targets_db = self._targets_db[n_ready:]
        self._held = self._held[n_samples:].copy()
        return out.reshape(n_samples, -1)

    def _count(self, gains_db: Curve) -> None:
        self._n_hops += len(gains_db)
        self._n_reduced_hops += int(np.count_nonzero(gains_db < -_REDUCED_DB))
        self._max_reduction_db = max(self._max_reduction_db, -float(gains_db.min()))
        # One after the other: (a + b) + c is not a + (b + c).
        sums = np.add.accumulate(np.concatenate([[self._reduction_sum_db], -gains_db]))
        self._reduction_sum_db = float(sums[-1])


def _held_over(values: Curve, width: int, wins: np.ufunc) -> Curve:
    """Return the winner of every window of so many values, by doubling."""
    size = 1
    while 2 * size <= width:
        values = wins(values[:-size], values[size:])
        size *= 2
    rest = width - size
    return np.asarray(wins(values[: len(values) - rest], values[rest:]))
