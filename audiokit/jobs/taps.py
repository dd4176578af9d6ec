"""Meters that listen to a stream on its way, before and after a recipe's stages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from audiokit.recipe import Recipe
from audiokit.stage import Block, Meter, StreamFormat

__all__ = ["Taps"]

Place = Literal["source", "out"]
Kind = Literal["loudness", "quality"]


class Taps:
    """Listens where a recipe's results need it, and gathers what was heard.

    Loudness matters where audio is written; the quality of the source matters beside
    that of the result only where stages change the sound.

    Args:
        recipe: What is written decides what is measured.
        is_changed: Whether stages other than those of format change the sound.
    """

    def __init__(self, recipe: Recipe, *, is_changed: bool) -> None:
        wanted: set[tuple[Place, Kind]] = set()
        if "audio" in recipe.writes:
            wanted |= {("source", "loudness"), ("out", "loudness")}
        if "scores" in recipe.writes and is_changed:
            wanted.add(("source", "quality"))
        self._wanted = wanted
        self._meters: list[tuple[Place, Meter[Any]]] = []

    def listen(
        self, place: Place, kind: Kind, fmt: StreamFormat, blocks: Iterable[Block]
    ) -> Iterator[Block]:
        """Return the stream, metered on its way if anyone asked."""
        if (place, kind) not in self._wanted:
            return iter(blocks)
        meter = _build(kind, fmt)
        self._meters.append((place, meter))
        return _metered(blocks, meter)

    def facts(self, place: Place) -> dict[str, Any]:
        """Return what was heard at one place, its name before each fact."""
        facts: dict[str, Any] = {}
        for where, meter in self._meters:
            if where == place:
                facts |= {f"{place}_{name}": value for name, value in _facts_of(meter).items()}
        return facts


def _metered(blocks: Iterable[Block], meter: Meter[Any]) -> Iterator[Block]:
    for block in blocks:
        meter.update(block)
        yield block


def _build(kind: Kind, fmt: StreamFormat) -> Meter[Any]:
    if kind == "quality":
        from audiokit.quality.meter import QualityMeter

        return QualityMeter(fmt)
    from audiokit.loudness.meter import LoudnessMeter

    return LoudnessMeter(fmt)


def _facts_of(meter: Meter[Any]) -> Mapping[str, Any]:
    report = meter.result()
    if hasattr(report, "to_row"):
        row: Mapping[str, Any] = report.to_row()
        return row
    return {
        "loudness_lufs": _rounded(report.integrated_lufs),
        "true_peak_dbtp": _rounded(report.true_peak_dbtp),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 2)
