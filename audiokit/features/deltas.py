"""Slopes and curvatures of columns over time."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["LOOKAHEAD_FRAMES", "DeltaStream"]

LOOKAHEAD_FRAMES = 4
"""Frames on either side of the one whose slope is fitted."""

_WIDTH = 2 * LOOKAHEAD_FRAMES + 1


@lru_cache(maxsize=32)
def _weights(order: int, width: int) -> tuple[float, ...]:
    """Return what to multiply `width` rows by for a derivative of their centre.

    It is that of the least-squares polynomial of the same order (Savitzky and Golay,
    Anal. Chem. 36, 1964), which is the same everywhere in the stretch.
    """
    if width <= order:
        return (0.0,) * width
    offsets = np.arange(width) - (width - 1) / 2.0
    fit = np.linalg.pinv(np.vander(offsets, order + 1, increasing=True))
    return tuple(float(weight) for weight in math.factorial(order) * fit[order])


def _weighted_sum(
    terms: list[NDArray[np.float32]], weights: tuple[float, ...]
) -> NDArray[np.float32]:
    total = np.zeros_like(terms[0])
    for term, weight in zip(terms, weights, strict=True):
        if weight:
            total += np.float32(weight) * term
    return total


class DeltaStream:
    """Add slopes, per frame, of some columns of a stream of rows.

    The first four and last four rows take the slope of the nine nearest, as librosa's
    ``delta(mode="interp")`` does. A stream of fewer than nine rows, which librosa
    refuses, has one slope: the one fitted to all of it.

    Args:
        source: Columns to differentiate.
        orders: How many derivatives: 1 or 2.
    """

    def __init__(self, source: slice, *, orders: int) -> None:
        self.source = source
        self.orders = orders
        self._weights = [_weights(order, _WIDTH) for order in range(1, orders + 1)]
        self._held: NDArray[np.float32] | None = None
        self._last: NDArray[np.float32] | None = None

    def push(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take rows ``(n, columns)``; return those that are final.

        Returns:
            ``(n, columns + orders * differentiated)``: the derivatives follow their
            source. Late by `LOOKAHEAD_FRAMES`.
        """
        held = rows if self._held is None else np.concatenate([self._held, rows])
        if len(held) < _WIDTH:
            self._held = held
            return self._widened(held[:0], self._slopes(held, self._weights))
        slopes = self._slopes(held, self._weights)
        emitted = held[LOOKAHEAD_FRAMES : LOOKAHEAD_FRAMES + len(slopes)]
        if self._last is None:
            emitted = held[: LOOKAHEAD_FRAMES + len(slopes)]
            slopes = np.concatenate([np.repeat(slopes[:1], LOOKAHEAD_FRAMES, axis=0), slopes])
        self._held, self._last = held[1 - _WIDTH :].copy(), slopes[-1:].copy()
        return self._widened(emitted, slopes)

    def finish(self) -> NDArray[np.float32] | None:
        """Return the rows that were held back; None if there never was a row."""
        if self._held is None or len(self._held) == 0:
            return None
        if self._last is None:
            emitted = self._held
            weights = [_weights(order, len(emitted)) for order in range(1, self.orders + 1)]
            slope = self._slopes(emitted, weights)
        else:
            emitted, slope = self._held[LOOKAHEAD_FRAMES:], self._last
        return self._widened(emitted, np.repeat(slope, len(emitted), axis=0))

    def _slopes(
        self, rows: NDArray[np.float32], weights: list[tuple[float, ...]]
    ) -> NDArray[np.float32]:
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
