"""How often a voice repeats itself just before a gap, and where that is going."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["LONGEST_PERIOD_S", "Repetition", "find_repetition"]

LONGEST_PERIOD_S = 1.0 / 60.0
"""Below it no voice speaks."""
_SHORTEST_PERIOD_S = 1.0 / 400.0
# What is compared: long enough for one opening of the glottis, and short, so that what is found
# is of late.
_TEMPLATE_S = 0.007
# A low voice may be all but silent for so long: then a whole period is compared.
_LULL_SHARE = 0.05
# Of how much earlier the period is asked again, to see where it is going.
_EARLIER_S = 0.008
# A longer period must be this much better than a short one, at the far end of the range.
_BIAS = 0.1
# A part of a period that fits this well is the period.
_PART_FITS = 0.9
# Below this likeness a second period tells nothing of the first.
_LEAST_STRENGTH = 0.6
_SEARCH_RATE = 16000
# Change of a period over 20 ms that voices do not exceed; and how much of it goes on.
_STEEPEST, _GOES_ON = 0.06, 0.5

Vector = NDArray[np.float64]


class Repetition(NamedTuple):
    """How a sound repeats itself at its end.

    Args:
        period_samples: At the very end, to a fraction of a sample.
        slope: By how much the period grows for each sample that goes by.
        strength: Likeness of the end to itself one period earlier, -1 to 1.
    """

    period_samples: float
    slope: float
    strength: float


def find_repetition(heard: Vector, sample_rate: int) -> Repetition:
    """Return how a sound repeats itself at its end.

    Normalised cross-correlation of the last 7 ms (17 ms, where those are a lull) with what was
    2.5 to 16.7 ms before them, its highest point found between samples by a parabola. The same
    8 ms earlier tells where the period is going; half of that change is taken to go on.

    Args:
        heard: ``(samples,)``, the end last; 15 ms or more. Of less than
            25 ms, long periods are not found.
        sample_rate: In Hz.
    """
    step = max(1, sample_rate // _SEARCH_RATE)
    if step > 1:
        whole = len(heard) // step * step
        heard = heard[len(heard) - whole :].reshape(-1, step).mean(axis=1)
    rate = sample_rate / step
    shortest, longest = int(_SHORTEST_PERIOD_S * rate), int(LONGEST_PERIOD_S * rate)
    template = round(_TEMPLATE_S * rate)
    if len(heard) > 2 * longest and _is_lull(heard, template, longest):
        template = longest
    longest = min(longest, len(heard) - template)
    likeness = _likeness(heard, template, shortest, longest)
    best = _shortest_that_fits(likeness, shortest)
    strength = float(likeness[best])
    period = shortest + best + _summit(likeness, best)
    slope = 0.0
    if strength > _LEAST_STRENGTH:
        earlier = round(_EARLIER_S * rate)
        slope = _slope(heard[: len(heard) - earlier], period, template, earlier)
        # What was found is the period between the middles of both stretches.
        period *= 1.0 + slope * 0.5 * (template + period)
    return Repetition(period * step, slope / step, strength)


def _is_lull(heard: Vector, template: int, longest: int) -> bool:
    """Return whether the end is all but silent beside the period that it is a part of."""
    late = np.square(heard[len(heard) - longest :])
    return bool(late[-template:].sum() < _LULL_SHARE * late.sum())


def _likeness(heard: Vector, template: int, shortest: int, longest: int) -> Vector:
    """Return the normalised correlation of the last samples with each lag."""
    end = heard[len(heard) - template :]
    before = heard[len(heard) - template - longest : len(heard) - shortest]
    products = np.correlate(before, end)[::-1]
    sums = np.concatenate([np.zeros(1), np.cumsum(before * before)])
    energy = (sums[template:] - sums[:-template])[::-1]
    likeness: Vector = products / np.sqrt(np.maximum(energy, 0.0) * (end @ end) + 1e-20)
    return likeness


def _shortest_that_fits(likeness: Vector, shortest: int) -> int:
    """Return where the period is: not at a multiple of it."""
    biased = likeness - np.linspace(0.0, _BIAS, len(likeness))
    best = int(np.argmax(biased))
    for parts in (4, 3, 2):
        near = round((best + shortest) / parts) - shortest
        if near >= 0:
            first = max(0, near - 3)
            part = first + int(np.argmax(likeness[first : near + 4]))
            if likeness[part] > _PART_FITS * likeness[best] > 0.0:
                return part
    return best


def _summit(values: Vector, at: int) -> float:
    """Return how far beside a highest value the summit of the parabola through it lies."""
    if not 0 < at < len(values) - 1:
        return 0.0
    before, top, after = values[at - 1 : at + 2].tolist()
    bend = before - 2.0 * top + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0.0 else 0.0


def _slope(heard: Vector, period: float, template: int, earlier: int) -> float:
    """Return the growth of the period for each sample; 0 where nothing like it was before."""
    shortest, longest = max(8, int(period * 0.88)), int(period * 1.12) + 2
    if longest > len(heard) - template:
        return 0.0
    likeness = _likeness(heard, template, shortest, longest)
    best = int(np.argmax(likeness))
    if likeness[best] < _LEAST_STRENGTH or not 0 < best < len(likeness) - 1:
        return 0.0
    before = shortest + best + _summit(likeness, best)
    steepest = _STEEPEST / 320.0 * (160.0 / earlier) * 0.8
    slope = _GOES_ON * (period - before) / (period * earlier)
    return float(np.clip(slope, -steepest, steepest))
