"""Active speech level after ITU-T P.56: how loud a voice is while it speaks."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.iir import RecursiveFilter
from audiokit.stage import Block, Fact, Meter, StreamFormat
from audiokit.units import power_to_db

__all__ = ["ActiveLevelMeter", "ActiveLevelReport", "SpeechTally"]

# ITU-T P.56 (12/2011), method B: time constant of both averages, hang-over, margin.
_SMOOTHING_S = 0.03
_HANGOVER_S = 0.2
_MARGIN_DB = 15.9

# The thresholds: powers of two. The standard has 15 of them, down to one step of 16 bits;
# these go on to what counts as silence, and up to the largest sample a stream may hold.
_LOWEST_EXPONENT = -34
_N_THRESHOLDS = 20 - _LOWEST_EXPONENT
_DB_PER_THRESHOLD = 20.0 * math.log10(2.0)

# The standard asks for the envelope at 694 Hz or more: a row of samples gives one value, and
# what is active is known to 1 ms.
_ROWS_PER_S = 1000
# Rows that are weighed at once, always as many and at absolute positions, because the last
# bits of a matrix product change with its size.
_TILE_ROWS = 64
# What is gathered before the next step of the work, because a call costs as much as
# thousands of samples or hundreds of rows.
_MIN_WEIGHED_VALUES = 4096
_MAX_WEIGHED_VALUES = 1 << 16
_FOLLOWED_ROWS = 8192


@dataclass(frozen=True, slots=True)
class SpeechTally:
    """What active speech levels are made from; those of several streams add up.

    Args:
        duration_s: How long the stream was.
        energy: Its mean square times its duration.
        active_s: For how long the envelope was at or above each threshold or in its
            hang-over; the lowest threshold, 2 to the power of -34, first.
    """

    duration_s: float
    energy: float
    active_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ActiveLevelReport:
    """How loud speech is while there is speech.

    0 dBov is the power of a square wave at full scale; a sine at full scale reads -3.01.

    Args:
        active_level_dbov: Mean power while speech is active; None in silence, and where
            the envelope never comes within 15.9 dB of it: a lone click.
        activity_percent: For how much of the time speech is active, 0 to 100; None where
            the level is.
        long_term_level_dbov: Mean power of everything, pauses included; None in silence.
        tally: What the levels were made from, for `merged_with`.
    """

    active_level_dbov: float | None
    activity_percent: float | None
    long_term_level_dbov: float | None
    tally: SpeechTally = field(repr=False)

    @classmethod
    def from_tally(cls, tally: SpeechTally) -> ActiveLevelReport:
        """Return the report on what was counted."""
        power = tally.energy / tally.duration_s if tally.duration_s else 0.0
        if power <= 0.0:
            return cls(None, None, None, tally)
        long_term_dbov = power_to_db(power)
        active_dbov = _active_level_dbov(tally)
        if active_dbov is None:
            return cls(None, None, long_term_dbov, tally)
        activity = 100.0 * 10.0 ** ((long_term_dbov - active_dbov) / 10.0)
        return cls(active_dbov, activity, long_term_dbov, tally)

    def merged_with(self, other: ActiveLevelReport) -> ActiveLevelReport:
        """Return one report on two streams, of any rates, as if one had followed the other.

        But for the hang-over at the end of a stream, which does not reach into the next.
        """
        mine, theirs = self.tally, other.tally
        tally = SpeechTally(
            duration_s=mine.duration_s + theirs.duration_s,
            energy=mine.energy + theirs.energy,
            active_s=tuple(a + b for a, b in zip(mine.active_s, theirs.active_s, strict=True)),
        )
        return ActiveLevelReport.from_tally(tally)

    def to_row(self) -> dict[str, Fact]:
        """Return the numbers under their names, without the tally."""
        return {
            "active_level_dbov": self.active_level_dbov,
            "activity_percent": self.activity_percent,
            "long_term_level_dbov": self.long_term_level_dbov,
        }


class ActiveLevelMeter(Meter[ActiveLevelReport]):
    """Measure the active speech level by method B of P.56.

    The magnitude is averaged twice, exponentially over 30 ms. Of a number of thresholds,
    each says what is speech: all that reaches it, and 200 ms more. The right one lies
    15.9 dB below the level of the speech that it finds. The stream is not filtered first:
    an offset counts, so take it out before.

    Channels are heard as one: the power is their mean, and the envelope that of the mean
    of their magnitudes. So two channels that are alike measure as one of them, whatever
    their polarity, and speech that is in one of two measures 3 dB less, as its mean power
    does.

    Args:
        fmt: Format of the stream.

    References:
        ITU-T P.56 (12/2011), "Objective measurement of active speech level", method B.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self.fmt = fmt
        self._row_samples = max(1, fmt.sample_rate // _ROWS_PER_S)
        self._row_values = self._row_samples * fmt.channels
        self._tile_values = self._row_values * _TILE_ROWS
        self._hangover_rows = round(_HANGOVER_S * fmt.sample_rate / self._row_samples)
        self._weights, section = _decimated_envelope(fmt, self._row_samples)
        self._envelope = RecursiveFilter([section], 1)
        self.reset()

    def reset(self) -> None:
        self._envelope.reset()
        self._n_samples = 0
        self._energy = 0.0
        # Samples of tiles to come, and how many rows of their first tile were weighed.
        self._held: list[NDArray[np.float32]] = []
        self._n_held = 0
        self._n_weighed = 0
        # What the last row leaves to the next; rows on their way into the envelope.
        self._carry = 0.0
        self._new_rows: list[NDArray[np.float32]] = []
        self._n_new_rows = 0
        # The rows that a hang-over may reach back to: before the stream there was nothing.
        self._recent = np.zeros(self._hangover_rows, np.int8)
        self._row_counts = np.zeros(_N_THRESHOLDS + 1, np.int64)

    def update(self, block: Block) -> None:
        self._n_samples += len(block)
        values = block.ravel()
        if self._n_held + len(values) < max(_MIN_WEIGHED_VALUES, self._tile_values):
            self._held.append(values.copy())
            self._n_held += len(values)
            return
        # Only the tile that is begun is copied; the others are weighed where they lie.
        start = -self._n_held % self._tile_values
        if self._n_held:
            self._weigh_tiles(np.concatenate([*self._held, values[:start]]))
        step = max(1, _MAX_WEIGHED_VALUES // self._tile_values) * self._tile_values
        for place in range(start, len(values), step):
            self._weigh_tiles(values[place : place + step])
            if self._n_new_rows >= _FOLLOWED_ROWS:
                self._follow()

    def result(self) -> ActiveLevelReport:
        begun = self._weigh_tiles(np.concatenate([*self._held, np.zeros(0, np.float32)]))
        self._weigh_begun(begun)
        self._follow()
        rate, n_channels = self.fmt.sample_rate, self.fmt.channels
        energy = self._energy + float(np.vecdot(begun, begun))
        # Who reaches a threshold reaches those below it; the first count reached none.
        n_rows = np.cumsum(self._row_counts[:0:-1])[::-1]
        tally = SpeechTally(
            duration_s=self._n_samples / rate,
            energy=energy / (n_channels * rate),
            active_s=tuple((n_rows * self._row_samples / rate).tolist()),
        )
        return ActiveLevelReport.from_tally(tally)

    def _weigh_tiles(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn the whole tiles into rows; hold and return the rest."""
        n_tiles = len(values) // self._tile_values
        if n_tiles:
            tiles = values[: n_tiles * self._tile_values].reshape(n_tiles, -1)
            energies = np.vecdot(tiles, tiles).astype(np.float64)
            energies[0] += self._energy
            # One after the other: the same sum for any cutting of the stream.
            self._energy = float(np.add.accumulate(energies)[-1])
            self._push(self._weigh(tiles)[self._n_weighed :])
            self._n_weighed = 0
        begun: NDArray[np.float32] = values[n_tiles * self._tile_values :].copy()
        self._held, self._n_held = [begun], len(begun)
        return begun

    def _weigh_begun(self, begun: NDArray[np.float32]) -> None:
        """Turn the whole rows of the tile that is not complete into rows now."""
        n_rows = len(begun) // self._row_values
        tile = np.zeros((1, self._tile_values), np.float32)
        tile[0, : len(begun)] = begun
        self._push(self._weigh(tile)[self._n_weighed : n_rows])
        self._n_weighed = n_rows

    def _weigh(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what each row adds to the envelope: at its own end, and at the next row's."""
        rows = np.abs(tiles).reshape(-1, _TILE_ROWS, self._row_values)
        weighed: NDArray[np.float32] = (rows @ self._weights).reshape(-1, 2)
        return weighed

    def _push(self, weighed: NDArray[np.float32]) -> None:
        """Let each row's second part arrive with the row after it."""
        if not len(weighed):
            return
        rows = weighed[:, 0].copy()
        rows[0] += self._carry
        rows[1:] += weighed[:-1, 1]
        self._carry = float(weighed[-1, 1])
        self._new_rows.append(rows)
        self._n_new_rows += len(rows)

    def _follow(self) -> None:
        """Let the envelope and its hang-over go on over the rows that are new."""
        if not self._n_new_rows:
            return
        rows = np.concatenate(self._new_rows)[:, np.newaxis]
        self._new_rows, self._n_new_rows = [], 0
        for envelope in self._envelope.pieces(rows):
            self._count(envelope[0])

    def _count(self, envelope: NDArray[np.float64]) -> None:
        """Count the rows by the highest threshold that the last 200 ms reached."""
        # frexp of 2**n is n + 1: the lowest threshold becomes 1, all that is below it 0.
        below = 2.0 ** (_LOWEST_EXPONENT - 1)
        exponents = np.frexp(np.maximum(envelope, below))[1] - _LOWEST_EXPONENT
        np.minimum(exponents, _N_THRESHOLDS, out=exponents)
        reached = np.concatenate([self._recent, exponents.astype(np.int8)])
        self._recent = reached[len(exponents) :].copy()
        highest = _sliding_maxima(reached, self._hangover_rows + 1)
        self._row_counts += np.bincount(highest, minlength=_N_THRESHOLDS + 1)


def _sliding_maxima(values: NDArray[np.int8], width: int) -> NDArray[np.int8]:
    """Return the largest value of each window, by doubling."""
    size = 1
    while 2 * size <= width:
        values = np.maximum(values[:-size], values[size:])
        size *= 2
    rest = width - size
    maxima: NDArray[np.int8] = np.maximum(values[: len(values) - rest], values[rest:])
    return maxima


def _decimated_envelope(
    fmt: StreamFormat, row_samples: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the envelope's filter, for one value at the end of each row: the exact one.

    The standard averages magnitudes x twice: p = g p + (1 - g) x, q = g q + (1 - g) p,
    which is (1 - g)² / (1 - g/z)². Multiplied above and below by the square of the sum of
    (g/z)^i over a row, its denominator becomes one in z^row, which is a second-order
    section from row to row; its numerator, a triangle two rows long, weighs the samples.

    Args:
        fmt: Format of the stream.
        row_samples: Length of a row.

    Returns:
        The weights of a row's values ``(row_samples * channels, 2)``: what they add at the
        row's end, and at the end of the next row; and the section.
    """
    g = math.exp(-1.0 / (_SMOOTHING_S * fmt.sample_rate))
    # How far each sample is from the row's end.
    distance = np.arange(row_samples - 1, -1, -1)
    here = (distance + 1) * g**distance
    later = (row_samples - 1 - distance) * g ** (distance + row_samples)
    weights = np.stack([here, later], axis=1) * (1.0 - g) ** 2 / fmt.channels
    pole = g**row_samples
    section = np.array([1.0, 0.0, 0.0, 1.0, -2.0 * pole, pole * pole])
    return np.repeat(weights, fmt.channels, axis=0).astype(np.float32), section


def _active_level_dbov(tally: SpeechTally) -> float | None:
    """Return the level that lies the margin above its own threshold; None where none does.

    References:
        ITU-T P.56 (12/2011), method B: interpolated between two thresholds, in dB.
    """
    level_below = excess_below = math.inf
    for step, active_s in enumerate(tally.active_s):
        if not active_s:
            return None
        level_dbov = power_to_db(tally.energy / active_s)
        excess_db = level_dbov - (_LOWEST_EXPONENT + step) * _DB_PER_THRESHOLD - _MARGIN_DB
        if excess_db <= 0.0:
            if math.isinf(excess_below):
                return None
            part = excess_below / (excess_below - excess_db)
            return level_below + part * (level_dbov - level_below)
        level_below, excess_below = level_dbov, excess_db
    return None
