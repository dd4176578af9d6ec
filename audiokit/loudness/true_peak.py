"""The peak between the samples, where a converter or a codec will find it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import Block, Meter, StreamFormat

__all__ = ["Interpolator", "TruePeakMeter", "oversampling_for"]

Samples = NDArray[np.float32]

_TAPS = 48
# Kaiser: within 0.05 dB up to 0.46 of the sample rate, where resamplers cut off too.
_KAISER_BETA = 5.0
_ROW_SAMPLES = 32
_BATCH_BLOCKS = 64
_MAX_UPDATE_SAMPLES = 1 << 16


def oversampling_for(sample_rate: int) -> int:
    """Return how many points per sample a true-peak meter looks at (BS.1770-5, Annex 2)."""
    if sample_rate < 96_000:
        return 4
    return 2 if sample_rate < 192_000 else 1


class Interpolator:
    """Band-limited values between samples, by a windowed sinc.

    Works on aligned blocks of 512 samples, as matrix products of one fixed size: a value
    has the same bits wherever the stream is cut. Most blocks need no product at all,
    because two bounds say beforehand how large their values can be.

    Args:
        factor: Points per sample, the sample itself included; 2 or more.
    """

    BLOCK_SAMPLES = 512
    BEFORE = _TAPS // 2 - 1
    AFTER = _TAPS // 2
    REACH = _TAPS - 1

    def __init__(self, factor: int) -> None:
        self._n_phases = factor - 1
        self._matrix, self._bounds = _design(factor)

    def may_exceed(self, samples: Samples, limit: float) -> NDArray[np.bool_]:
        """Return where a value between two samples may be larger than `limit`.

        Args:
            samples: ``(channels, 23 + blocks * 512 + 24)``, C-contiguous: blocks with the
                samples before and after them.
            limit: A magnitude.

        Returns:
            ``(channels, blocks)``.
        """
        n_blocks = (samples.shape[1] - self.REACH) // self.BLOCK_SAMPLES
        highest = max(float(samples.max()), -float(samples.min()))
        if not highest * self._bounds.by_level > limit:
            return np.zeros((len(samples), n_blocks), np.bool_)
        loudest = self._windows(np.abs(samples), self.BLOCK_SAMPLES).max(axis=-1)
        wanted = np.asarray(loudest * self._bounds.by_level > limit)
        windows = self._windows(samples, self.BLOCK_SAMPLES)[wanted]
        slopes = windows[:, 1:] - windows[:, :-1]
        bends = np.abs(slopes[:, 1:] - slopes[:, :-1]).max(axis=-1, initial=0.0)
        reachable = loudest[wanted] * self._bounds.beside_bend + bends * self._bounds.by_bend
        wanted[wanted] = reachable > limit
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
            between = values.reshape(*values.shape[:2], self._n_phases, _ROW_SAMPLES)
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

    def _batches(self, samples: Samples, blocks: NDArray[np.bool_]) -> Iterator[Samples]:
        """Yield ``(wanted blocks, 16, points between)``, as many as stay in cache."""
        windows = self._windows(samples, _ROW_SAMPLES)
        n_rows = self.BLOCK_SAMPLES // _ROW_SAMPLES
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
    """Return the matrix from a row and its reach to the points between, and the bounds.

    The second bound compares the interpolator with a straight line from sample to sample,
    which never exceeds the samples. What the taps have more than the line is summed twice
    over time, and in exchange the samples are differenced twice (summation by parts); the
    last sum remains, as the interpolator draws a straight line only almost straight.
    """
    offsets = np.arange(-Interpolator.BEFORE, Interpolator.AFTER + 1)
    distance = offsets[:, np.newaxis] - np.arange(1, factor) / factor
    shape = np.sqrt(np.maximum(0.0, 1.0 - (distance / (_TAPS / 2)) ** 2))
    taps = np.sinc(distance) * np.i0(_KAISER_BETA * shape)
    taps /= taps.sum(axis=0)
    line = np.maximum(0.0, 1.0 - np.abs(distance))
    bends = np.abs(np.cumsum(np.cumsum(taps - line, axis=0)[:-1], axis=0))
    rounding = 1.0 + 1e-5  # of float32 sums
    bounds = _Bounds(
        by_level=float(np.abs(taps).sum(axis=0).max()) * rounding,
        beside_bend=(1.0 + 2.0 * float(bends[-1].max())) * rounding,
        by_bend=float(bends[:-1].sum(axis=0).max()) * rounding,
    )
    matrix = np.zeros((_ROW_SAMPLES + Interpolator.REACH, factor - 1, _ROW_SAMPLES), np.float32)
    for sample in range(_ROW_SAMPLES):
        matrix[sample : sample + _TAPS, :, sample] = taps
    return matrix.reshape(len(matrix), -1), bounds


class TruePeakMeter(Meter[float]):
    """The largest magnitude of the stream at four (two, one) points per sample.

    Interpolates only where the samples are large enough to beat the peak so far. What
    lies before the first and after the last sample does not count.

    Args:
        fmt: Format of the stream.

    References:
        ITU-R BS.1770-5, Annex 2.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self.fmt = fmt
        factor = oversampling_for(fmt.sample_rate)
        self._interpolator = Interpolator(factor) if factor > 1 else None
        self.reset()

    def reset(self) -> None:
        self._peak = 0.0
        self._held = np.zeros((self.fmt.channels, Interpolator.BEFORE), np.float32)

    def update(self, block: Block) -> None:
        for start in range(0, len(block), _MAX_UPDATE_SAMPLES):
            part = block[start : start + _MAX_UPDATE_SAMPLES]
            self._peak = max(self._peak, float(part.max()), -float(part.min()))
            if self._interpolator is not None:
                self._held = np.concatenate([self._held, part.T], axis=1)
                self._measure_complete(self._interpolator)

    def result(self) -> float:
        """Return the true peak as an amplitude; 0 for silence."""
        n_between = self._held.shape[1] - Interpolator.BEFORE - 1
        if self._interpolator is None or n_between < 1:
            return self._peak
        n_padded = -(-n_between // Interpolator.BLOCK_SAMPLES) * Interpolator.BLOCK_SAMPLES
        padded = np.zeros((self.fmt.channels, n_padded + Interpolator.REACH), np.float32)
        # A block may lack its reach yet; at the end of the stream that is silence.
        n_taken = min(self._held.shape[1], padded.shape[1])
        padded[:, :n_taken] = self._held[:, :n_taken]
        peaks = self._interpolator.peaks(
            padded, np.ones((self.fmt.channels, n_padded // Interpolator.BLOCK_SAMPLES), np.bool_)
        )
        between = peaks.reshape(self.fmt.channels, -1)[:, :n_between]
        return max(self._peak, float(between.max()))

    def merge(self, other: TruePeakMeter) -> None:
        """Take in the peak of another stream."""
        self._peak = max(self._peak, other.result())

    def _measure_complete(self, interpolator: Interpolator) -> None:
        n_blocks = (self._held.shape[1] - interpolator.REACH) // interpolator.BLOCK_SAMPLES
        if n_blocks < 1:
            return
        n_samples = n_blocks * interpolator.BLOCK_SAMPLES
        samples = np.ascontiguousarray(self._held[:, : n_samples + interpolator.REACH])
        self._held = self._held[:, n_samples:].copy()
        blocks = interpolator.may_exceed(samples, self._peak)
        if blocks.any():
            self._peak = max(self._peak, interpolator.highest(samples, blocks))
