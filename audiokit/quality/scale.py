"""From measured values to points: every mapping of the scores, and their weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = [
    "DEFAULT_PROFILE",
    "PROFILES",
    "Points",
    "calibrated_points",
    "clipping_penalty",
    "component_scores",
    "grade",
    "level_cost",
    "overall",
    "shared_costs",
    "worst_of",
]

Points = Mapping[str, float]

DEFAULT_PROFILE = "default"
"""The profile whose overall is what PESQ and DNSMOS would say."""

# Straight lines between (value, points); level beyond the ends.
_SCALES: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "noise": ((0.0, 10.0, 20.0, 35.0), (0.0, 40.0, 75.0, 100.0)),
    "clarity": ((0.0, 1.0), (0.0, 100.0)),
    # The nominal level of telephony is -26 dBFS (ITU-T P.56); louder than -8 distorts.
    "level": ((-70.0, -40.0, -30.0, -14.0, -6.0, 0.0), (0.0, 60.0, 100.0, 100.0, 60.0, 20.0)),
    "consistency": ((0.0, 1.0), (0.0, 100.0)),
}
_WEIGHTS: Mapping[str, Points] = {
    "seed": {"noise": 0.3, "clarity": 0.3, "level": 0.2, "consistency": 0.2},
}
PROFILES = (DEFAULT_PROFILE, *_WEIGHTS)
"""Every profile that can be asked for, the default first."""

_GRADES = ((85.0, "A"), (70.0, "B"), (55.0, "C"), (40.0, "D"), (25.0, "E"))
_FREE_CLIPPING = 1e-5
_POINTS_PER_DECADE = 10.0
_HIGHEST_PENALTY = 40.0
# PESQ has the last word: few takes were marked by DNSMOS, and what it would say is less sure.
_DNSMOS_SHARE = 0.05
_PESQ_RANGE, _DNSMOS_RANGE = (1.02, 4.64), (1.0, 3.4)
# PESQ crowds what is noisy below 2; this spreads it, and changes no order.
_PESQ_EXPONENT = 0.6
# PESQ is told the level away. What a listener would turn up or down costs; within, nothing.
_LEVEL_COSTS = ((-70.0, -50.0, -8.0, 0.0), (20.0, 0.0, 0.0, 10.0))


def component_scores(values: Mapping[str, float | None]) -> dict[str, float]:
    """Return the points, 0 to 100, of each component that has a value.

    Args:
        values: ``noise`` in dB, ``clarity`` 0 to 1, ``level`` in dBFS, ``consistency``
            0 to 1; None where it does not apply.
    """
    return {
        name: float(np.interp(value, *_SCALES[name]))
        for name, value in values.items()
        if value is not None
    }


def clipping_penalty(clipping_ratio: float) -> float:
    """Return the points that clipping costs: 10 per decade above 0.001 %, at most 40."""
    if clipping_ratio <= _FREE_CLIPPING:
        return 0.0
    decades = float(np.log10(clipping_ratio / _FREE_CLIPPING))
    return min(_HIGHEST_PENALTY, _POINTS_PER_DECADE * decades)


def overall(scores: Points, *, penalty: float, profile: str) -> tuple[float, dict[str, float]]:
    """Return the overall score of a profile of weights, 0 to 100, and what costs how much.

    Components without a score leave their weight to the others.

    Args:
        scores: Points of each component.
        penalty: Points that clipping costs.
        profile: One of `PROFILES`, but for `DEFAULT_PROFILE`.
    """
    weights = {name: _WEIGHTS[profile][name] for name in scores}
    total = sum(weights.values())
    costs = {name: weights[name] / total * (100.0 - scores[name]) for name in scores}
    costs["clipping"] = penalty
    return max(0.0, 100.0 - sum(costs.values())), costs


def calibrated_points(pesq: float, dnsmos: float) -> float:
    """Return the points, 0 to 100, of the marks that PESQ and DNSMOS would give.

    Args:
        pesq: 1.02 to 4.64, for a wide band.
        dnsmos: 1 to 5, of all together.
    """
    least, most = _PESQ_RANGE
    share = float(np.clip((pesq - least) / (most - least), 0.0, 1.0)) ** _PESQ_EXPONENT
    other = float(np.interp(dnsmos, _DNSMOS_RANGE, (0.0, 1.0)))
    return 100.0 * float((1.0 - _DNSMOS_SHARE) * share + _DNSMOS_SHARE * other)


def level_cost(active_level_dbfs: float) -> float:
    """Return the points that a level costs: none from -50 to -8 dBFS, at most 20."""
    return float(np.interp(active_level_dbfs, *_LEVEL_COSTS))


def shared_costs(points: float, weights: Points) -> dict[str, float]:
    """Return what each fault costs of the points that are missing from 100.

    Args:
        points: 0 to 100.
        weights: Of each fault, 0 or more; without any, nobody is to blame.
    """
    total = sum(weights.values())
    if not total > 0.0:
        return {}
    return {name: (100.0 - points) * weight / total for name, weight in weights.items()}


def worst_of(costs: Points) -> str | None:
    """Return what costs most, and how many points: ``"noise: -18"``; None if nothing does."""
    if not costs:
        return None
    name = max(costs, key=lambda component: costs[component])
    return f"{name}: -{costs[name]:.0f}" if costs[name] >= 0.5 else None


def grade(score: float) -> str:
    """Return the letter of an overall score."""
    return next((letter for least, letter in _GRADES if score >= least), "F")
