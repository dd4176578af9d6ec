"""A stream in pieces of one size, channels first: what the meters here work on.

A meter may answer late, so it need not follow the blocks it is given. It gathers pieces
at fixed positions and does everything once for each: the same arrays of the same shapes
for any cutting of the stream, large enough for NumPy and small enough for the cache.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import Block, Meter, StreamFormat

if TYPE_CHECKING:
    # Known to every type checker, and needed by nothing that runs.
    from typing_extensions import Self

__all__ = [
    "AFTER",
    "BEFORE",
    "BLOCK_SAMPLES",
    "Piece",
    "PieceMeter",
    "RowTotals",
    "loudest_within_reach",
]

Report = TypeVar("Report")
Samples = NDArray[np.float32]
Sums = NDArray[np.float64]

BLOCK_SAMPLES = 512
"""A piece is so many samples, or a multiple."""
BEFORE, AFTER = 23, 24
"""How many samples around a piece come with it: the reach of the true peak."""

# Of all channels together: 1 MiB of float32. Smaller ones stay in cache, and cost
# more in calls than that saves.
_PIECE_VALUES = 1 << 18
_MAX_PIECE_SAMPLES = 1 << 17


def _piece_samples(channels: int) -> int:
    n_samples = min(_MAX_PIECE_SAMPLES, _PIECE_VALUES // channels)
    return n_samples // BLOCK_SAMPLES * BLOCK_SAMPLES


class Piece:
    """A piece of a stream, zeros behind its end. To be read before the next is asked for.

    Args:
        samples: ``(channels, 23 + blocks * 512 + 24)``: with what lies around it.
        n_samples: How much of it is there: all, but for the last one.
        scratch: Somewhere to work, of the shape of the samples.
        is_last: Whether the stream ends here.
    """

    def __init__(
        self, samples: Samples, n_samples: int, *, scratch: Samples, is_last: bool = False
    ) -> None:
        self.samples = samples
        self.n_samples = n_samples
        self.is_last = is_last
        self._scratch = scratch

    @property
    def padded(self) -> Samples:
        """The piece without what lies around it, zeros behind its end."""
        return self.samples[:, BEFORE:-AFTER]

    @property
    def own(self) -> Samples:
        """The piece without what lies around it, ``(channels, n_samples)``."""
        return self.samples[:, BEFORE : BEFORE + self.n_samples]

    @property
    def own_magnitudes(self) -> Samples:
        """The magnitudes of `own`."""
        return self._magnitudes[:, BEFORE : BEFORE + self.n_samples]

    @cached_property
    def loudest(self) -> Samples:
        """What `loudest_within_reach` finds, ``(channels, blocks)``."""
        return loudest_within_reach(self._magnitudes)

    @cached_property
    def _magnitudes(self) -> Samples:
        # Memory that is new to the process costs more than the work.
        return np.asarray(np.abs(self.samples, out=self._scratch))

    @cached_property
    def highest(self) -> float:
        """Largest magnitude of the piece and of what lies around it."""
        return float(self.loudest.max())


def loudest_within_reach(magnitudes: Samples) -> Samples:
    """Return the largest magnitude of every block and of the 23 samples before and 24 behind.

    Args:
        magnitudes: ``(channels, 23 + blocks * 512 + 24)``, C-contiguous.

    Returns:
        ``(channels, blocks)``.
    """
    n_blocks = (magnitudes.shape[1] - BEFORE - AFTER) // BLOCK_SAMPLES
    shape = (len(magnitudes), n_blocks, BEFORE + BLOCK_SAMPLES + AFTER)
    row_stride, stride = magnitudes.strides
    windows: Samples = np.ndarray(
        shape, np.float32, magnitudes, 0, (row_stride, BLOCK_SAMPLES * stride, stride)
    )
    loudest: Samples = windows.max(axis=-1)
    return loudest


class PieceMeter(Meter[Report]):
    """A meter that takes pieces, from the blocks it is given or from another meter.

    Args:
        fmt: Format of the stream.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self.fmt = fmt
        self.reset()

    def reset(self) -> None:
        # Made when it is needed: not where another meter gathers.
        self._gathered = self._scratch = np.zeros((self.fmt.channels, 0), np.float32)
        # What is before the stream is silence.
        self._n_gathered = BEFORE

    def update(self, block: Block) -> None:
        if not self._gathered.size:
            n_samples = BEFORE + _piece_samples(self.fmt.channels) + AFTER
            self._gathered = np.zeros((self.fmt.channels, n_samples), np.float32)
        capacity = self._gathered.shape[1]
        start = 0
        while start < len(block):
            part = block[start : start + capacity - self._n_gathered]
            self._gathered[:, self._n_gathered : self._n_gathered + len(part)] = part.T
            self._n_gathered += len(part)
            start += len(part)
            if self._n_gathered == capacity:
                self.take(self._piece(capacity - BEFORE - AFTER))
                self._move_on()

    def result(self) -> Report:
        return self.ended().report()

    @abstractmethod
    def take(self, piece: Piece) -> None:
        """Measure the next piece of the stream."""

    @abstractmethod
    def report(self) -> Report:
        """Return the report on the pieces taken."""

    def ended(self) -> Self:
        """Return a copy that has taken what is gathered too, as the end of the stream."""
        meter = copy.deepcopy(self)
        for piece in meter._rest():  # noqa: SLF001  our own kind
            meter.take(piece)
        return meter

    def _rest(self) -> Iterator[Piece]:
        if not self._gathered.size:
            return
        n_samples = self._gathered.shape[1] - BEFORE - AFTER
        self._gathered[:, self._n_gathered :] = 0.0
        if self._n_gathered > BEFORE + n_samples:
            yield self._piece(n_samples)
            self._move_on()
            self._gathered[:, self._n_gathered :] = 0.0
        if self._n_gathered > BEFORE:
            yield self._piece(self._n_gathered - BEFORE, is_last=True)

    def _piece(self, n_samples: int, *, is_last: bool = False) -> Piece:
        if not is_last:
            if not self._scratch.size:
                self._scratch = np.empty_like(self._gathered)
            return Piece(self._gathered, n_samples, scratch=self._scratch)
        # No longer than it must be: most files are shorter than a piece.
        n_padded = -(-n_samples // BLOCK_SAMPLES) * BLOCK_SAMPLES
        samples = np.ascontiguousarray(self._gathered[:, : BEFORE + n_padded + AFTER])
        return Piece(samples, n_samples, scratch=np.empty_like(samples), is_last=True)

    def _move_on(self) -> None:
        """Keep what lies around the piece that was taken: the next one begins there."""
        kept = self._gathered[:, -(BEFORE + AFTER) :].copy()
        self._gathered[:, : BEFORE + AFTER] = kept
        self._n_gathered -= self._gathered.shape[1] - BEFORE - AFTER


class RowTotals:
    """Sums, or maxima, over consecutive rows of a stream, as they become complete.

    Row k begins at the first sample at or after ``k / rows_per_s``: no drift where the
    sample rate is no multiple.

    Args:
        fmt: Format of the stream.
        rows_per_s: How many rows a second has.
        total: Sums what it is given over the last axis: ``(channels, …, samples)`` to
            ``(quantities, channels, …)``; nothing gives zeros.
        join: Makes one total of those of two parts of a row.
    """

    def __init__(
        self,
        fmt: StreamFormat,
        *,
        rows_per_s: int,
        total: Callable[[Samples], Samples],
        join: Callable[[Sums, Samples], Sums] = np.add,
    ) -> None:
        self._sample_rate = fmt.sample_rate
        self._rows_per_s = rows_per_s
        self._total, self._join = total, join
        self.n_samples = 0
        self.n_rows = 0
        self.begun = np.asarray(total(np.zeros((fmt.channels, 0), np.float32)), np.float64)
        """Totals over the row that is not complete, ``(quantities, channels)``."""

    def add(self, values: Samples) -> Sums:
        """Take the next values, ``(channels, samples)``.

        Returns:
            ``(quantities, channels, rows)``: of the rows they complete.
        """
        n_rows = (self.n_samples + values.shape[1]) * self._rows_per_s // self._sample_rate
        sums = np.empty((*self.begun.shape, n_rows - self.n_rows))
        first, last = self._end(self.n_rows + 1), self._end(n_rows)
        if n_rows > self.n_rows:
            sums[..., 0] = self._join(self.begun, self._total(values[:, :first]))
            sums[..., 1:] = self._whole(values[:, first:last], n_rows)
            self.begun[:] = self._total(values[:, last:])
        else:
            self.begun = self._join(self.begun, self._total(values))
        self.n_samples += values.shape[1]
        self.n_rows = n_rows
        return sums

    def _end(self, row: int) -> int:
        """Return where so many rows have ended, from the next sample on."""
        return -(-row * self._sample_rate // self._rows_per_s) - self.n_samples

    def _whole(self, values: Samples, n_rows: int) -> Samples:
        """Return the sums of the whole rows that the values are, up to the last one."""
        n_new = n_rows - self.n_rows - 1
        if self._sample_rate % self._rows_per_s == 0:
            return self._total(
                values.reshape(len(values), n_new, values.shape[1] // max(1, n_new))
            )
        # One sample shorter now and then: such a row borrows one of the next, as zero.
        rows = np.arange(self.n_rows + 1, n_rows + 1)
        ends = -(-rows * self._sample_rate // self._rows_per_s)
        offsets = np.arange(-(-self._sample_rate // self._rows_per_s))
        places = np.minimum(ends[:-1, np.newaxis] - ends[0] + offsets, values.shape[1] - 1)
        padded = values[:, places]
        padded[:, offsets >= np.diff(ends)[:, np.newaxis]] = 0.0
        return self._total(padded)
