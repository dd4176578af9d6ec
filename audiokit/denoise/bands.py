"""The points in frequency at which the mask network hears and speaks."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "HIGHEST_HZ",
    "N_GROUPS",
    "N_POINTS",
    "bins_to_points",
    "edges_hz",
    "neighbourhoods",
    "points_to_bins",
]

# As fine as a window of 32 ms resolves up to 2 kHz, where a voice has harmonics to tell
# apart; twice and four times as wide above.
_WIDTH_HZ = 31.25
_WIDTHS = (64, 32, 32)
N_POINTS = sum(_WIDTHS)
HIGHEST_HZ = 8000.0
# Points that lie side by side, judged together by what is in and around them.
N_GROUPS = 16
_GROUP_POINTS = N_POINTS // N_GROUPS


@lru_cache(maxsize=16)
def bins_to_points(n_bins: int, bin_hz: float) -> NDArray[np.float32]:
    """Return the matrix that turns powers of bins into mean powers of points.

    A bin counts in a point by the share of the point's width that it covers; a point
    above the last bin gets nothing.

    Args:
        n_bins: Bins of a spectrum, from 0 Hz.
        bin_hz: From bin to bin.

    Returns:
        ``(n_bins, N_POINTS)``.
    """
    edges = edges_hz()
    lower, upper = edges[:-1], edges[1:]
    centre_hz = np.arange(n_bins)[:, np.newaxis] * bin_hz
    covered = np.minimum(upper, centre_hz + bin_hz / 2) - np.maximum(lower, centre_hz - bin_hz / 2)
    shares: NDArray[np.float64] = np.maximum(covered, 0.0) / (upper - lower)
    return shares.astype(np.float32)


@lru_cache(maxsize=16)
def points_to_bins(n_bins: int, bin_hz: float) -> NDArray[np.float32]:
    """Return the matrix that interpolates values at points to bins up to `HIGHEST_HZ`.

    Args:
        n_bins: Bins of a spectrum, from 0 Hz.
        bin_hz: From bin to bin.

    Returns:
        ``(N_POINTS, n)``, where n is the number of bins up to `HIGHEST_HZ`.
    """
    edges = edges_hz()
    centres_hz = (edges[:-1] + edges[1:]) / 2.0
    bins_hz = np.arange(n_bins) * bin_hz
    bins_hz = bins_hz[bins_hz <= HIGHEST_HZ]
    each_point = np.eye(N_POINTS)
    rows = [np.interp(bins_hz, centres_hz, point) for point in each_point]
    return np.stack(rows).astype(np.float32)


@lru_cache(maxsize=1)
def neighbourhoods() -> NDArray[np.intp]:
    """Return where each group of points finds what is heard in and around it.

    Returns:
        ``(N_GROUPS, 4 * points of a group)``: columns of two features for each point, all
        first ones before all second ones; `2 * N_POINTS` stands for what lies beyond the
        first or the last point.
    """
    reach = _GROUP_POINTS // 2
    around = np.arange(-reach, _GROUP_POINTS + reach)
    points = np.arange(0, N_POINTS, _GROUP_POINTS)[:, np.newaxis] + around
    is_beyond = (points < 0) | (points >= N_POINTS)
    both = [np.where(is_beyond, 2 * N_POINTS, points + first) for first in (0, N_POINTS)]
    return np.concatenate(both, axis=1)


def edges_hz() -> NDArray[np.float64]:
    """Return where points begin, and where the last one ends: ``(N_POINTS + 1,)``."""
    widths = np.repeat((1.0, 2.0, 4.0), _WIDTHS) * _WIDTH_HZ
    # The first point is centred at 0 Hz: a bin's place, not its edge.
    return np.concatenate([[0.0], np.cumsum(widths)]) - _WIDTH_HZ / 2.0
