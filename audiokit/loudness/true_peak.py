"""The peak between the samples, where a converter or a codec will find it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiokit.loudness.pieces import (
    AFTER,
    BEFORE,
    BLOCK_SAMPLES,
    Piece,
    PieceMeter,
    loudest_within_reach,
)
from audiokit.stage import StreamFormat

__all__ = ["ROW_SAMPLES", "CrestFinder", "Interpolator", "TruePeakMeter", "oversampling_for"]

Samples = NDArray[np.float32]

_N_TAPS = BEFORE + 1 + AFTER
# Kaiser: within 0.05 dB up to 0.46 of the sample rate, where resamplers cut off too.
_KAISER_BETA = 5.0
ROW_SAMPLES = 32
"""What one product interpolates."""
# So many blocks at once stay in cache.
_BATCH_BLOCKS = 16
_BENT_BLOCKS = 32


def oversampling_for(sample_rate: int) -> int:
    """Return how many points per sample a true-peak meter looks at.

    BS.1770-5, Annex 2, is content with 192 kHz in all; at 96 kHz two points overlook 0.46
    dB of the EBU's case 21 (Tech 3341 allows 0.4), and four do not.

    Args:
        sample_rate: In Hz.
    """
    if sample_rate <= 96_000:
        return 4
    return 2 if sample_rate <= 192_000 else 1


class Interpolator:
    """Band-limited values between samples, by a windowed sinc.

    Works on aligned blocks of 512 samples, as matrix products of one fixed size: a value
    has the same bits wherever the stream is cut. Most blocks need no product at all,
    because two bounds say beforehand how large their values can be.

    Args:
        factor: Points per sample, the sample itself included; 2 or more.
    """

    BLOCK_SAMPLES = BLOCK_SAMPLES
    BEFORE = BEFORE
    AFTER = AFTER
    REACH = BEFORE + AFTER

    def __init__(self, factor: int) -> None:
        self._n_phases = factor - 1
        self._matrix, self._bounds = _design(factor)

    def may_exceed(
        self, samples: Samples, limit: float, *, loudest: Samples | None = None
    ) -> NDArray[np.bool_]:
        """Return where a value between two samples may be larger than `limit`.

        Args:
            samples: ``(channels, 23 + blocks * 512 + 24)``, C-contiguous: blocks with the
                samples before and after them.
            limit: A magnitude.
            loudest: What `loudest_within_reach` gives, where it is known.

        Returns:
            ``(channels, blocks)``.
        """
        loudest = loudest_within_reach(np.abs(samples)) if loudest is None else loudest
        wanted = np.asarray(loudest * self._bounds.by_level > limit)
        # Where a sample does so already, the shape between need not be looked at.
        unsure = wanted & (loudest <= limit)
        if unsure.any():
            bends = self._largest_bends(samples, unsure)
            reachable = loudest[unsure] * self._bounds.beside_bend + bends * self._bounds.by_bend
            wanted[unsure] = reachable > limit
        return wanted

    def peaks(self, samples: Samples, blocks: NDArray[np.bool_]) -> Samples:
        """Return the largest magnitude between each sample and the next.

        Args:
            samples: As for `may_exceed`.
            blocks: ``(channels, blocks)``: True where it is wanted.

        Returns:
            ``(wanted blocks, 512)``, both ends excluded.
        """
        peaks = [np.zeros((0, self.BLOCK_SAMPLES), np.float32)]
        for values in self._batches(samples, blocks):
            np.abs(values, out=values)
            between = values.reshape(*values.shape[:2], self._n_phases, ROW_SAMPLES)
            largest = between[:, :, 0]
            for phase in range(1, self._n_phases):
                np.maximum(largest, between[:, :, phase], out=largest)
            peaks.append(largest.reshape(len(values), -1))
        return np.concatenate(peaks)

    def highest(self, samples: Samples, blocks: NDArray[np.bool_]) -> float:
        """Return the largest magnitude between the samples of the wanted blocks.

        Args:
            samples: As for `may_exceed`.
            blocks: As for `peaks`.
        """
        batches = self._batches(samples, blocks)
        return max((max(float(v.max()), -float(v.min())) for v in batches), default=0.0)

    def _largest_bends(self, samples: Samples, blocks: NDArray[np.bool_]) -> Samples:
        """Return the largest second difference within reach of each wanted block."""
        windows = self._windows(samples, self.BLOCK_SAMPLES)
        channels, positions = np.nonzero(blocks)
        largest = np.empty(len(channels), np.float32)
        for start in range(0, len(channels), _BENT_BLOCKS):
            batch = slice(start, start + _BENT_BLOCKS)
            near = windows[channels[batch], positions[batch]]
            # As one line, which is quicker, with nonsense where two windows meet.
            line = near.reshape(-1)
            slopes = line[1:] - line[:-1]
            np.subtract(slopes[1:], slopes[:-1], out=line[:-2])
            np.abs(line, out=line)
            near[:, :-2].max(axis=-1, out=largest[batch])
        return largest

    def _batches(self, samples: Samples, blocks: NDArray[np.bool_]) -> Iterator[Samples]:
        """Yield ``(wanted blocks, 16, points between)``, as many as stay in cache."""
        windows = self._windows(samples, ROW_SAMPLES)
        n_rows = self.BLOCK_SAMPLES // ROW_SAMPLES
        rows = np.arange(n_rows)
        channels, positions = np.nonzero(blocks)
        for start in range(0, len(channels), _BATCH_BLOCKS):
            batch = slice(start, start + _BATCH_BLOCKS)
            wanted = positions[batch, np.newaxis] * n_rows + rows
            yield windows[channels[batch, np.newaxis], wanted] @ self._matrix

    def _windows(self, samples: Samples, step: int) -> Samples:
        """Return ``(channels, windows, step + reach)``, without a copy."""
        n_windows = (samples.shape[1] - self.REACH) // step
        shape = (len(samples), n_windows, step + self.REACH)
        strides = (samples.strides[0], step * samples.strides[1], samples.strides[1])
        # Cheaper than as_strided, and NumPy checks that the windows lie within the buffer.
        windows: Samples = np.ndarray(shape, np.float32, samples, 0, strides)
        return windows


class CrestFinder(Interpolator):
    """How high a stream rises at any point, not at those of a grid alone.

    Between two points of the grid the stream is close to a parabola, which rises above
    them by an eighth of the second difference at most. That much is added at every point:
    by the same product, as it is linear. Where the stream bends towards zero it makes a
    value smaller, and a neighbour is the crest.

    Args:
        factor: Points per sample, the sample itself included; 2 or more.
    """

    def __init__(self, factor: int) -> None:
        self._n_points = factor
        self._matrix, self._bounds = _design_crests(factor)

    def crests(self, samples: Samples, blocks: NDArray[np.bool_], *, n_samples: int) -> Samples:
        """Return the crest of every few samples; from the last to the next it is on either side.

        Args:
            samples: As for `may_exceed`.
            blocks: ``(channels, blocks)``: True where it is wanted; once at least.
            n_samples: How many samples share a result: 1 to 32, a power of two.

        Returns:
            ``(wanted blocks, 512 / n_samples)``.
        """
        windows = self._windows(samples, ROW_SAMPLES)
        n_rows = self.BLOCK_SAMPLES // ROW_SAMPLES
        channels, positions = np.nonzero(blocks)
        n_points = self._n_points * n_samples
        # Once, because memory that is new to the process costs more than the work.
        space = np.empty((_BATCH_BLOCKS, len(self._matrix), n_rows), np.float32)
        crests = []
        for start in range(0, len(channels), _BATCH_BLOCKS):
            batch = slice(start, start + _BATCH_BLOCKS)
            wanted = positions[batch, np.newaxis] * n_rows + np.arange(n_rows)
            # A product for each block: where a column stands in a product can change its
            # last bit, and so a row of a block must stand in the same column always.
            columns = windows[channels[batch, np.newaxis], wanted].swapaxes(1, 2)
            points = space[: len(columns)]
            np.matmul(self._matrix, np.ascontiguousarray(columns), out=points)
            np.abs(points, out=points)
            crests.append(_highest_of_runs(points, n_points).reshape(len(points), -1))
        return np.concatenate(crests)


def _highest_of_runs(points: Samples, n_points: int) -> Samples:
    """Return the largest of every so many points, ``(products, rows, runs)``.

    Args:
        points: ``(products, runs * n_points, rows)``.
        n_points: A power of two.
    """
    runs = points.reshape(len(points), -1, n_points, points.shape[2])
    # By halves: long loops, where a maximum over the axis takes short ones.
    while runs.shape[2] > 1:
        half = runs.shape[2] // 2
        runs = np.maximum(runs[:, :, :half], runs[:, :, half:])
    return np.ascontiguousarray(runs[:, :, 0].swapaxes(1, 2))


class _Bounds(NamedTuple):
    """How large a value between samples can be, from what lies within its reach.

    Args:
        by_level: Never above the largest magnitude times this: the sum of all taps.
        beside_bend, by_bend: Never above the largest magnitude times the first plus the
            largest second difference times the second. Speech bends little.
    """

    by_level: float
    beside_bend: float
    by_bend: float


@lru_cache(maxsize=8)
def _design(factor: int) -> tuple[Samples, _Bounds]:
    """Return the matrix from a row and its reach to the points between, and the bounds."""
    offsets = np.arange(-BEFORE, AFTER + 1)
    distance = offsets[:, np.newaxis] - np.arange(1, factor) / factor
    taps = _taps(distance)
    matrix = np.zeros((ROW_SAMPLES + Interpolator.REACH, factor - 1, ROW_SAMPLES), np.float32)
    for sample in range(ROW_SAMPLES):
        matrix[sample : sample + _N_TAPS, :, sample] = taps
    return matrix.reshape(len(matrix), -1), _bounds(taps, distance)


@lru_cache(maxsize=8)
def _design_crests(factor: int) -> tuple[Samples, _Bounds]:
    """Return the matrix from a row and its reach to crests, ``(32 * factor, 79)``.

    The point before the first sample lacks a tap, of 0.0003.
    """
    times = np.arange(-1, ROW_SAMPLES * factor + 1) / factor
    distance = np.arange(-BEFORE, ROW_SAMPLES + AFTER)[:, np.newaxis] - times
    taps = _taps(distance)
    crests = taps[:, 1:-1] - (taps[:, 2:] - 2.0 * taps[:, 1:-1] + taps[:, :-2]) / 8.0
    return np.ascontiguousarray(crests.T, np.float32), _bounds(crests, distance[:, 1:-1])


def _taps(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of samples so far away, summing to 1: a windowed sinc."""
    shape = np.sqrt(np.maximum(0.0, 1.0 - (distance / (_N_TAPS / 2)) ** 2))
    taps = np.sinc(distance) * np.i0(_KAISER_BETA * shape) * (np.abs(distance) < _N_TAPS / 2)
    return np.asarray(taps / taps.sum(axis=0))


def _bounds(taps: NDArray[np.float64], distance: NDArray[np.float64]) -> _Bounds:
    """Return how large what the taps make can be.

    The second bound compares the interpolator with a straight line from sample to sample,
    which never exceeds the samples. What the taps have more than the line is summed twice
    over time, and in exchange the samples are differenced twice (summation by parts); the
    last sum remains, as the interpolator draws a straight line only almost straight.

    Args:
        taps: ``(taps, points)``.
        distance: Of the samples from the points, likewise.
    """
    line = np.maximum(0.0, 1.0 - np.abs(distance))
    bends = np.abs(np.cumsum(np.cumsum(taps - line, axis=0)[:-1], axis=0))
    rounding = 1.0 + 1e-5  # of float32 sums
    return _Bounds(
        by_level=float(np.abs(taps).sum(axis=0).max()) * rounding,
        beside_bend=(1.0 + 2.0 * float(bends[-1].max())) * rounding,
        by_bend=float(bends[:-1].sum(axis=0).max()) * rounding,
    )


class TruePeakMeter(PieceMeter[float]):
    """The largest magnitude of the stream at four (two, one) points per sample.

    Interpolates only where the samples are large enough to beat the peak so far. What
    lies before the first and after the last sample does not count. The report is an
    amplitude; 0 for silence.

    Args:
        fmt: Format of the stream.

    References:
        ITU-R BS.1770-5, Annex 2.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        factor = oversampling_for(fmt.sample_rate)
        self._interpolator = Interpolator(factor) if factor > 1 else None
        super().__init__(fmt)

    def reset(self) -> None:
        super().reset()
        self._peak = 0.0

    def take(self, piece: Piece) -> None:
        self._peak = max(self._peak, piece.highest)
        if self._interpolator is None:
            return
        blocks = self._interpolator.may_exceed(piece.samples, self._peak, loudest=piece.loudest)
        if not blocks.any():
            return
        if piece.is_last:
            peaks = self._interpolator.peaks(piece.samples, blocks)
            first = np.nonzero(blocks)[1][:, np.newaxis] * BLOCK_SAMPLES
            is_between = first + np.arange(BLOCK_SAMPLES) < piece.n_samples - 1
            highest = float(peaks[is_between].max(initial=0.0))
        else:
            highest = self._interpolator.highest(piece.samples, blocks)
        self._peak = max(self._peak, highest)

    def report(self) -> float:
        return self._peak
