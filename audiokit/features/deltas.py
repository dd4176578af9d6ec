"""Slopes and curvatures of columns over time."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["DeltaStream", "FittedDeltaStream", "slope_streams", "slope_weights"]

Weights = tuple[float, ...]

_LIBROSA_FRAMES = 9
# Two frames to either side: what Kaldi and HTK do where nothing else is said.
_REGRESSION_FRAMES = 5


@lru_cache(maxsize=32)
def slope_weights(order: int, n_frames: int) -> Weights:
    """Return what to multiply rows by for a derivative of their centre.

    It is that of the least-squares polynomial of the same order (Savitzky and Golay,
    Anal. Chem. 36, 1964), which is the same everywhere in the stretch. That of order 1
    is the regression of HTK and Kaldi.

    Args:
        order: Of the derivative, per frame.
        n_frames: How many rows; zeros come back where they are too few.
    """
    if n_frames <= order:
        return (0.0,) * n_frames
    offsets = np.arange(n_frames) - (n_frames - 1) / 2.0
    fit = np.linalg.pinv(np.vander(offsets, order + 1, increasing=True))
    return tuple(float(weight) for weight in math.factorial(order) * fit[order])


def slope_streams(rule: str, *, n_columns: int, n_orders: int) -> list[DeltaStream]:
    """Return what adds derivatives to the rows of a stream, one after the other.

    ``librosa``: polynomials through nine rows, at the ends those of the nine outermost.
    ``kaldi``: the regression over five rows, and for the second derivative over its own
    result; beyond the ends the outermost row is repeated. ``htk``: the same, but it is
    the first derivative that is repeated for the second.

    Args:
        rule: One of the three.
        n_columns: Columns to differentiate, all there are.
        n_orders: How many derivatives: 0, 1 or 2.
    """
    if n_orders == 0:
        return []
    source = slice(0, n_columns)
    if rule == "librosa":
        orders = range(1, n_orders + 1)
        weights = [slope_weights(order, _LIBROSA_FRAMES) for order in orders]
        return [FittedDeltaStream(source, weights)]
    once = slope_weights(1, _REGRESSION_FRAMES)
    if rule == "htk":
        sources = [slice(order * n_columns, (order + 1) * n_columns) for order in range(n_orders)]
        return [DeltaStream(of, [once]) for of in sources]
    if n_orders == 1:
        return [DeltaStream(source, [once])]
    twice = tuple(np.convolve(once, once).tolist())
    return [DeltaStream(source, [(0.0, 0.0, *once, 0.0, 0.0), twice])]


class DeltaStream:
    """Add slopes, per frame, of some columns of a stream of rows.

    Beyond the ends of the stream the outermost row is repeated.

    Args:
        source: Columns to differentiate.
        weights: For each derivative, what to multiply an odd number of rows by; the same
            number for all.

    Attributes:
        late_frames: How many rows later a row is final.
    """

    def __init__(self, source: slice, weights: list[Weights]) -> None:
        self.source = source
        self.late_frames = len(weights[0]) // 2
        self._weights = weights
        self._held: NDArray[np.float32] | None = None

    def push(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take rows ``(n, columns)``; return those that are final.

        Returns:
            ``(n, columns + derivatives)``: the derivatives follow their source.
        """
        if self._held is None:
            if len(rows) == 0:
                return self._widened(rows, self._slopes(rows, self._weights))
            self._held = np.repeat(rows[:1], self.late_frames, axis=0)
        return self._advance(np.concatenate([self._held, rows]))

    def finish(self) -> NDArray[np.float32] | None:
        """Return the rows that were held back; None if there never was a row."""
        if self._held is None:
            return None
        after = np.repeat(self._held[-1:], self.late_frames, axis=0)
        return self._advance(np.concatenate([self._held, after]))

    def _advance(self, held: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the rows with as many neighbours on both sides as it takes."""
        slopes = self._slopes(held, self._weights)
        self._held = held[len(slopes) :].copy()
        return self._widened(held[self.late_frames :][: len(slopes)], slopes)

    def _slopes(self, rows: NDArray[np.float32], weights: list[Weights]) -> NDArray[np.float32]:
        """Return all derivatives at each stretch of rows as long as the weights."""
        values = np.ascontiguousarray(rows[:, self.source])
        n_columns, width = values.shape[1], len(weights[0])
        n_stretches = max(0, len(values) - width + 1)
        # Laid end to end, a shift by rows is a shift by a multiple of the columns. Element
        # by element, unlike a product, this gives the same bits for any cutting.
        flat = values.ravel()
        shifted = [flat[k * n_columns :][: n_stretches * n_columns] for k in range(width)]
        derivatives = [_weighted_sum(shifted, order_weights) for order_weights in weights]
        tables = [derivative.reshape(n_stretches, n_columns) for derivative in derivatives]
        return np.concatenate(tables, axis=1)

    def _widened(
        self, rows: NDArray[np.float32], slopes: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        stop = self.source.stop
        return np.concatenate([rows[:, :stop], slopes, rows[:, stop:]], axis=1)


class FittedDeltaStream(DeltaStream):
    """Add slopes whose outermost values are those of the outermost stretch.

    With nine rows, the first four and last four take the slope of the nine nearest, as
    librosa's ``delta(mode="interp")`` does. A stream of fewer rows, which librosa
    refuses, has one slope: the one fitted to all of it.
    """

    def __init__(self, source: slice, weights: list[Weights]) -> None:
        super().__init__(source, weights)
        self._last: NDArray[np.float32] | None = None

    def push(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        held = rows if self._held is None else np.concatenate([self._held, rows])
        slopes = self._slopes(held, self._weights)
        if len(slopes) == 0:
            self._held = held
            return self._widened(held[:0], slopes)
        n_late = self.late_frames
        emitted = held[n_late : n_late + len(slopes)]
        self._held = held[len(slopes) :].copy()
        first, self._last = self._last is None, slopes[-1:].copy()
        if first:
            emitted = held[: n_late + len(slopes)]
            slopes = np.concatenate([np.repeat(slopes[:1], n_late, axis=0), slopes])
        return self._widened(emitted, slopes)

    def finish(self) -> NDArray[np.float32] | None:
        if self._held is None or len(self._held) == 0:
            return None
        if self._last is None:
            emitted = self._held
            orders = range(1, len(self._weights) + 1)
            slope = self._slopes(emitted, [slope_weights(order, len(emitted)) for order in orders])
        else:
            emitted, slope = self._held[self.late_frames :], self._last
        return self._widened(emitted, np.repeat(slope, len(emitted), axis=0))


def _weighted_sum(terms: list[NDArray[np.float32]], weights: Weights) -> NDArray[np.float32]:
    total = np.zeros_like(terms[0])
    for term, weight in zip(terms, weights, strict=True):
        if weight:
            total += np.float32(weight) * term
    return total
