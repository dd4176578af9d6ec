"""How high a recording really reaches, whatever its sample rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.quality.spectrum import SpectrumReport

__all__ = ["BandwidthReport", "find_bandwidth"]

_FEWEST_FRAMES = 8
_LOWEST_EDGE_HZ = 1000.0
_SMOOTHED_HZ = 60.0
# The level beside an edge is that of so much of the band.
_SHELF_HZ = 300.0
# How much room a steep filter takes from pass to stop, as a share of its edge.
_SLOPE = 0.06
# Formants fall too: by up to 9 dB so steeply that nothing above comes up again.
_LEAST_DROP_DB = 12.0
# Where most of the fall lies in one step, or more than gentle filters can, that is the edge.
# A fall that takes longer begins at its knee: where a sixth of it, at most 10 dB, is gone.
_STEEPEST_KNEE_DB = 55.0
_STEEP, _STEEP_FROM = 8.0, 0.9
_KNEE_FROM, _KNEE_SHARE, _KNEE_DB = 0.65, 0.16, 10.0
_STEEP_BAND, _KNEE_BAND = 0.05, 0.12
# Without an edge: what lies further below the strongest is as good as not there.
_RANGE_DB, _RANGE_BAND_DB = 70.0, 10.0
_LOW_RANGE_DB = 30.0
_FLOOR = 1e-16


@dataclass(frozen=True, slots=True)
class BandwidthReport:
    """Highest frequency in a recording. Where it is None, `reason` says why."""

    bandwidth_hz: float | None
    """Highest frequency with sound, up to half the sample rate."""
    low_hz: float | None
    """It is hardly lower than this."""
    high_hz: float | None
    """It is hardly higher than this."""
    drop_db: float | None
    """How far the spectrum falls at the edge, in one step; None where it fades without one."""
    lowest_hz: float | None
    """Lowest frequency within 30 dB of the strongest."""
    reason: str | None
    """Why there is none; None if there is."""


def find_bandwidth(spectrum: SpectrumReport) -> BandwidthReport:
    """Return the highest frequency with sound, from a mean spectrum.

    The edge of a filter, a codec or a former sample rate is where the spectrum falls most and
    never comes up again. Without an edge of 12 dB, the bandwidth is where the spectrum has
    fallen by 70 dB from its strongest.
    """
    if spectrum.n_frames < _FEWEST_FRAMES:
        return _none(f"fewer than {_FEWEST_FRAMES} frames of 32 ms")
    if float(spectrum.power[2:].sum()) <= _FLOOR:
        return _none("silence")
    spacing_hz = float(spectrum.bins_hz[1])
    level_db = _smooth_db(spectrum.power, spacing_hz)
    strongest_db = float(level_db.max())
    lowest_hz = spacing_hz * int(np.argmax(level_db >= strongest_db - _LOW_RANGE_DB))
    edge = _steepest(level_db, spacing_hz)
    if edge is None:
        ranges_db = (_RANGE_DB - _RANGE_BAND_DB, _RANGE_DB, _RANGE_DB + _RANGE_BAND_DB)
        low, middle, high = (spacing_hz * _last(level_db, strongest_db - db) for db in ranges_db)
        return BandwidthReport(middle, low, high, None, lowest_hz, None)
    position, drop_db = edge
    knee, is_steep = _knee(level_db, position, spacing_hz)
    band = _STEEP_BAND if is_steep else _KNEE_BAND
    highest_hz = float(spectrum.bins_hz[-1])
    found_hz = spacing_hz * knee
    return BandwidthReport(
        bandwidth_hz=found_hz,
        low_hz=found_hz * (1.0 - band),
        high_hz=min(highest_hz, found_hz * (1.0 + band)),
        drop_db=drop_db,
        lowest_hz=lowest_hz,
        reason=None,
    )


def _none(reason: str) -> BandwidthReport:
    return BandwidthReport(None, None, None, None, None, reason)


def _smooth_db(power: NDArray[np.float64], spacing_hz: float) -> NDArray[np.float64]:
    side = round(_SMOOTHED_HZ / spacing_hz) // 2
    n_bins = 2 * side + 1
    padded = np.pad(power, side, "edge")
    level_db: NDArray[np.float64] = 10.0 * np.log10(
        np.convolve(padded, np.full(n_bins, 1.0 / n_bins), "valid") + _FLOOR
    )
    return level_db


def _last(level_db: NDArray[np.float64], floor_db: float) -> int:
    return int(np.flatnonzero(level_db >= floor_db)[-1])


def _shelf(spacing_hz: float) -> int:
    return max(3, round(_SHELF_HZ / spacing_hz))


def _end_of_slope(position: int) -> int:
    return position + max(2, round(_SLOPE * position))


def _steepest(level_db: NDArray[np.float64], spacing_hz: float) -> tuple[int, float] | None:
    """Return where the level falls most and stays below, and by how many dB."""
    shelf = _shelf(spacing_hz)
    highest_after = np.maximum.accumulate(level_db[::-1])[::-1]
    running = np.concatenate([[0.0], np.cumsum(level_db)])
    first = max(shelf, round(_LOWEST_EDGE_HZ / spacing_hz))
    edges = [
        edge for edge in range(first, len(level_db)) if _end_of_slope(edge) < len(level_db) - 1
    ]
    if not edges:
        return None
    ends = [_end_of_slope(edge) for edge in edges]
    below = np.array([running[edge] - running[edge - shelf] for edge in edges]) / shelf
    drop = below - highest_after[ends]
    best = int(np.argmax(drop))
    return (edges[best], float(drop[best])) if drop[best] >= _LEAST_DROP_DB else None


def _knee(level_db: NDArray[np.float64], edge: int, spacing_hz: float) -> tuple[int, bool]:
    """Return where the fall to an edge begins, and whether it is all in one step."""
    shelf = _shelf(spacing_hz)
    end = min(len(level_db) - 1, _end_of_slope(edge))
    means = np.convolve(level_db[: edge + 1], np.full(shelf, 1.0 / shelf), "valid")
    top, near_top = (
        float(means[max(0, int(share * edge) - shelf) :].max())
        for share in (_KNEE_FROM, _STEEP_FROM)
    )
    last = float(level_db[edge - shelf : edge].mean())
    bottom = float(level_db[end:].max())
    if last - bottom >= min(_STEEPEST_KNEE_DB, _STEEP * (near_top - last)):
        # The whole slope lies ahead: the edge is halfway down.
        return _last(level_db[: end + 1], (last + bottom) / 2.0), True
    threshold = top - min(_KNEE_DB, _KNEE_SHARE * (top - bottom))
    return _last(level_db[: end + 1], threshold), False
