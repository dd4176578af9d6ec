"""Meters that listen to a stream on its way, before and after a recipe's stages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from audiokit.loudness.meter import LoudnessMeter
from audiokit.quality.meter import QualityMeter
from audiokit.quality.report import QualityReport
from audiokit.recipe import Recipe
from audiokit.stage import Block, Meter, StreamFormat

__all__ = ["LOWEST_RATE_HZ", "Taps", "score_facts"]

LOWEST_RATE_HZ = 4000
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
        # Neither measure means anything on a stream that is no audio band at all.
        if (place, kind) not in self._wanted or fmt.sample_rate < LOWEST_RATE_HZ:
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
    return QualityMeter(fmt) if kind == "quality" else LoudnessMeter(fmt)


def _facts_of(meter: Meter[Any]) -> Mapping[str, Any]:
    report = meter.result()
    if isinstance(meter, LoudnessMeter):
        return {
            "loudness_lufs": _rounded(report.integrated_lufs),
            "true_peak_dbtp": _rounded(report.true_peak_dbtp),
        }
    return score_facts(report)


def score_facts(report: QualityReport) -> dict[str, Any]:
    """Return the scores of a stream, each under ``score_``."""
    return {f"score_{name}": v for name, v in report.to_row().items() if name != "duration_s"}


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 2)
