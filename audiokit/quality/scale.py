"""From measured values to points: every mapping of the scores, and their weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["Points", "clipping_penalty", "component_scores", "grade", "overall"]

Points = Mapping[str, float]

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
PROFILES = tuple(_WEIGHTS)
"""Every set of weights that can be asked for."""

_GRADES = ((85.0, "A"), (70.0, "B"), (55.0, "C"), (40.0, "D"), (25.0, "E"))
_FREE_CLIPPING = 1e-5
_POINTS_PER_DECADE = 10.0
_HIGHEST_PENALTY = 40.0


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


def overall(scores: Points, *, penalty: float, profile: str) -> tuple[float, str | None]:
    """Return the overall score, 0 to 100, and what costs it most.

    Components without a score leave their weight to the others.

    Args:
        scores: Points of each component.
        penalty: Points that clipping costs.
        profile: One of `PROFILES`.
    """
    weights = {name: _WEIGHTS[profile][name] for name in scores}
    total = sum(weights.values())
    costs = {name: weights[name] / total * (100.0 - scores[name]) for name in scores}
    costs["clipping"] = penalty
    name = max(costs, key=lambda component: costs[component])
    worst = f"{name}: -{costs[name]:.0f}" if costs[name] >= 0.5 else None
    return max(0.0, 100.0 - sum(costs.values())), worst


def grade(score: float) -> str:
    """Return the letter of an overall score."""
    return next((letter for least, letter in _GRADES if score >= least), "F")
