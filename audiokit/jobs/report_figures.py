"""The numbers of a page about many recordings: how values are spread, in bars and in words."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from audiokit.jobs.report_rows import Gathered

__all__ = ["Histogram", "Spread", "costs_of", "histogram_of", "spread_of", "summary_of"]

_MOST_BARS = 20
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
# Lengths that people think in, in s.
_LENGTHS_S = (
    *(0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0),
    *(600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0, 604800.0),
)


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often values lie between two edges.

    Args:
        edges: Ascending, one more than bars; the last bar holds its upper edge too.
        counts: How many values each bar holds.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """How values lie: the least, a quarter, half, three quarters, all of them below."""

    least: float
    lower: float
    middle: float
    upper: float
    most: float


def spread_of(values: Sequence[float]) -> Spread | None:
    """Return how values lie; None where there is none."""
    if not values:
        return None
    return Spread(*np.quantile(values, [0.0, 0.25, 0.5, 0.75, 1.0]).tolist())


def histogram_of(values: Sequence[float], name: str, *, scale: float = 1.0) -> Histogram:
    """Return how often values lie where.

    Bars are as wide as people count: 1, 2, 2.5 or 5 of some power of ten; lengths are told
    in ever longer steps; scores from 0 to 100 in steps of 5.

    Args:
        values: One or more.
        name: Of the column.
        scale: What turns a value into what people read; bars are even numbers of that.
    """
    low, high = min(values), max(values)
    if name == "overall":
        edges = [5.0 * step for step in range(21)]
    elif name == "duration_s":
        edges = _lengths(low, high)
    else:
        edges = [edge / scale for edge in _even(low * scale, high * scale)]
    counts = [0] * (len(edges) - 1)
    for value in values:
        counts[min(max(bisect_right(edges, value) - 1, 0), len(counts) - 1)] += 1
    return Histogram(tuple(edges), tuple(counts))


def _even(low: float, high: float) -> list[float]:
    span = max(high - low, 1e-9 * max(abs(low), abs(high)), 1e-6)
    power = 10.0 ** math.floor(math.log10(span / _MOST_BARS))
    # Values that are all alike have a bar of one.
    power = power if high > low else 10.0
    step = next(step * power for step in _STEPS if span / (step * power) <= _MOST_BARS)
    first = math.floor(low / step)
    n_bars = max(1, math.ceil(high / step) - first)
    # Rounded, as 3 * 0.1 is not what people read.
    return [float(f"{(first + number) * step:.12g}") for number in range(n_bars + 1)]


def _lengths(low: float, high: float) -> list[float]:
    first = min(max(bisect_right(_LENGTHS_S, low) - 1, 0), len(_LENGTHS_S) - 2)
    last = next((at for at, edge in enumerate(_LENGTHS_S) if edge >= high), len(_LENGTHS_S) - 1)
    return list(_LENGTHS_S[first : max(last, first + 1) + 1])


def costs_of(gathered: Gathered) -> list[tuple[str, int, float]]:
    """Return what costs most: component, in how many recordings, mean points there."""
    points: dict[str, list[float]] = {}
    for item in gathered.recordings:
        if item.values.get("component"):
            points.setdefault(item.values["component"], []).append(item.values["cost"])
    costs = [(name, len(lost), sum(lost) / len(lost)) for name, lost in points.items()]
    return sorted(costs, key=lambda cost: (-cost[1], -cost[2], cost[0]))


def summary_of(gathered: Gathered) -> dict[str, Any]:
    """Return the numbers of a page by name, for programs.

    Args:
        gathered: What the page is about.
    """
    overall = spread_of(gathered.numbers("overall"))
    grades = Counter(item.values.get("grade") for item in gathered.recordings)
    summary: dict[str, Any] = {
        "n_recordings": len(gathered.recordings),
        "n_scored": len(gathered.numbers("overall")),
        "n_failures": len(gathered.failures),
        "audio_s": round(sum(gathered.numbers("duration_s")), 3),
        "overall_median": None if overall is None else round(overall.middle, 1),
        "overall_lowest": None if overall is None else round(overall.least, 1),
        "grades": {str(name): grades[name] for name in sorted(filter(None, grades))},
        "costs_most": {name: n for name, n, _ in costs_of(gathered)},
        "worst": [item.name for item in gathered.worst(10)],
        "remarks": list(gathered.remarks),
    }
    pairs = gathered.pairs("overall")
    if gathered.is_processed:
        gains = [now - was for was, now in pairs]
        summary["n_compared"] = len(pairs)
        summary["overall_change_median"] = round(float(np.median(gains)), 1) if gains else None
    return summary
