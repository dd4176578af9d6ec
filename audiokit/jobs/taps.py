"""Meters that listen to a stream on its way, before and after a recipe's stages."""

from __future__ import annotations

import math
from typing import Any

from audiokit.loudness.levels import LevelsReport
from audiokit.loudness.meter import LoudnessMeter, LoudnessReport
from audiokit.quality.meter import QualityMeter
from audiokit.quality.report import QualityReport
from audiokit.stage import Block, Meter, Processor, StreamFormat

__all__ = ["LOWEST_RATE_HZ", "Tap", "loudness_facts", "loudness_tap", "quality_tap", "score_facts"]

# Neither measure means anything on a stream that is no audio band at all.
LOWEST_RATE_HZ = 4000


class Tap(Processor):
    """A meter in a chain: the stream passes untouched.

    Args:
        fmt: Format of the stream.
        meter: What listens.
    """

    def __init__(self, fmt: StreamFormat, meter: Meter[Any]) -> None:
        self.fmt, self.meter = fmt, meter

    def process(self, block: Block) -> Block:
        self.meter.update(block)
        return block

    def flush(self) -> Block:
        return self.fmt.silence(0)

    def reset(self) -> None:
        self.meter.reset()

    def result(self) -> Any:
        """Return the meter's report."""
        return self.meter.result()


def loudness_tap(fmt: StreamFormat) -> list[Tap]:
    """Return a loudness meter as a stage; none where the band is too narrow for one."""
    return [Tap(fmt, LoudnessMeter(fmt))] if fmt.sample_rate >= LOWEST_RATE_HZ else []


def quality_tap(fmt: StreamFormat) -> list[Tap]:
    """Return a quality meter as a stage; none where the band is too narrow for one."""
    return [Tap(fmt, QualityMeter(fmt))] if fmt.sample_rate >= LOWEST_RATE_HZ else []


def loudness_facts(place: str, report: LoudnessReport | LevelsReport) -> dict[str, Any]:
    """Return what a row says about the loudness at a place.

    Args:
        place: ``source`` or ``out``; goes before each name.
        report: What was heard there.
    """
    speech = report.speech if isinstance(report, LevelsReport) else None
    loudness = report.loudness if isinstance(report, LevelsReport) else report
    facts = {
        f"{place}_loudness_lufs": _rounded(loudness.integrated_lufs),
        f"{place}_range_lu": _rounded(loudness.range_lu),
        f"{place}_true_peak_dbtp": _rounded(loudness.true_peak_dbtp),
    }
    if speech is not None:
        facts[f"{place}_active_level_dbov"] = _rounded(speech.active_level_dbov)
    return facts


def score_facts(report: QualityReport, loudness: LoudnessReport | None = None) -> dict[str, Any]:
    """Return the scores of a stream, each under ``score_``.

    Args:
        report: The scores.
        loudness: Of the same stream; None where it is told elsewhere.
    """
    facts = {f"score_{name}": v for name, v in report.to_row().items() if name != "duration_s"}
    if loudness is not None:
        facts["score_loudness_lufs"] = _rounded(loudness.integrated_lufs)
    return facts


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 2)
