"""Linear prediction: what the neighbours of a sample say it should be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["interpolate", "levinson"]

Vectors = NDArray[np.float64]


def levinson(correlation: Vectors, order: int) -> Vectors:
    """Return the prediction-error filters of rows of autocorrelations.

    Args:
        correlation: ``(rows, lags)``, lags 0 to `order` at least; the first is positive.
        order: Number of past samples that predict the next.

    Returns:
        ``(rows, order + 1)``, the first coefficient 1: filtering with it leaves what the
        past does not foretell.

    References:
        J. Makhoul, "Linear prediction: a tutorial review", Proceedings of the IEEE
        63(4), 1975, section III.
    """
    filters = np.zeros((len(correlation), order + 1))
    filters[:, 0] = 1.0
    error = correlation[:, 0].copy()
    for step in range(1, order + 1):
        # Sums over the last axis of contiguous rows: the same bits for any number of rows.
        known = np.ascontiguousarray(correlation[:, step:0:-1])
        reflection = -np.add.reduce(filters[:, :step] * known, axis=-1) / error
        mirrored = filters[:, step::-1] * reflection[:, np.newaxis]
        filters[:, : step + 1] += mirrored
        error *= 1.0 - np.square(reflection)
    return filters


def interpolate(samples: Vectors, coefficients: Vectors, unknown: NDArray[np.intp]) -> Vectors:
    """Return the values at unknown places that leave the least prediction error.

    Args:
        samples: ``(samples,)``; those at the unknown places do not matter.
        coefficients: Prediction-error filter, ``(order + 1,)``.
        unknown: Positions in ascending order, at least the order away from both ends.

    Returns:
        ``(len(unknown),)``.

    References:
        A. Janssen, R. Veldhuis, L. Vries, "Adaptive interpolation of discrete-time
        signals that can be modeled as autoregressive processes", IEEE Transactions on
        ASSP 34(2), 1986.
    """
    order = len(coefficients) - 1
    correlation = np.correlate(coefficients, coefficients, "full")[order:]
    known = samples.copy()
    known[unknown] = 0.0
    around = unknown[:, np.newaxis] + np.arange(-order, order + 1)
    symmetric = np.concatenate([correlation[:0:-1], correlation])
    distance = np.abs(unknown[:, np.newaxis] - unknown)
    matrix = np.where(distance <= order, correlation[np.minimum(distance, order)], 0.0)
    return np.linalg.solve(matrix, -(known[around] @ symmetric))
