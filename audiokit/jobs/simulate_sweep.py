"""Networks to go through in turn: every combination of the values that were given."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audiokit.errors import SettingError
from audiokit.jobs.simulate_link import NetworkSettings

__all__ = ["Point", "points_of"]

_MOST_POINTS = 1000
# Flag and field.
_SWEPT = {
    "loss": "loss_percent",
    "burst": "burst",
    "delay_ms": "delay_ms",
    "jitter_ms": "jitter_ms",
    "bandwidth_kbps": "bandwidth_kbps",
    "seed": "seed",
}


@dataclass(frozen=True, slots=True)
class Point:
    """One network of several.

    Args:
        name: The values that tell it from the others, as ``loss-5``; empty where it is alone.
        network: What happens on the way.
    """

    name: str
    network: NetworkSettings

    @classmethod
    def alone(cls) -> Point:
        """Return the point of a run through one network."""
        return cls("", NetworkSettings())

    def place(self, target: Path) -> Path:
        """Return where its own result goes: ``out.loss-5.wav`` for ``out.wav``."""
        if not self.name:
            return target
        return target.with_name(f"{target.stem}.{self.name}{target.suffix}")


def points_of(usual: NetworkSettings, given: Mapping[str, str | None]) -> list[Point]:
    """Return a network for each combination of values, in the order in which they were given.

    Args:
        usual: What all have in common.
        given: Numbers by the flags ``loss``, ``burst``, ``delay_ms``, ``jitter_ms``,
            ``bandwidth_kbps`` and ``seed``, joined by commas; None where none was given.

    Raises:
        SettingError: One is no number, out of range, or given twice; or there are more than
            1000 combinations.
    """
    values = {flag: _numbers(flag, text) for flag, text in given.items() if text is not None}
    n_points = math.prod(len(numbers) for numbers in values.values())
    if n_points > _MOST_POINTS:
        raise SettingError("loss", f"{n_points} combinations", f"{_MOST_POINTS} at most")
    points = []
    for chosen in itertools.product(*values.values()):
        fields: dict[str, Any] = {
            _SWEPT[flag]: value for flag, value in zip(values, chosen, strict=True)
        }
        name = ".".join(
            f"{flag.replace('_', '-')}-{value:g}"
            for flag, value in zip(values, chosen, strict=True)
            if len(values[flag]) > 1
        )
        points.append(Point(name, replace(usual, **fields)))
    return points


def _numbers(flag: str, text: str) -> list[float]:
    numbers: list[float] = []
    for part in text.split(","):
        try:
            number: float = int(part) if flag == "seed" else float(part)
        except ValueError:
            expected = "a whole number" if flag == "seed" else "a number"
            expected += ", or several joined by commas"
            raise SettingError(flag, text, expected) from None
        if not math.isfinite(number):
            raise SettingError(flag, text, "numbers")
        if number in numbers:
            raise SettingError(flag, text, f"{part.strip()} once")
        numbers.append(number)
    return numbers
