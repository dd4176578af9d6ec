"""Measure how loud recordings are, and say what it would take to bring them to a level."""

from __future__ import annotations

import base64
import dataclasses
import pickle
from dataclasses import replace
from typing import Any

from audiokit.files.read import RawFormat, open_audio
from audiokit.jobs.blocks import BLOCK_SAMPLES
from audiokit.jobs.inspect import measured
from audiokit.loudness.levels import LevelsMeter, LevelsReport
from audiokit.loudness.normalize import heard_by
from audiokit.recipe import StageSpec
from audiokit.stage import run_blocks

__all__ = ["MeasureJob", "ReportJob", "unpacked"]


@dataclasses.dataclass(frozen=True, slots=True)
class MeasureJob:
    """Measure a recording, and plan its level; picklable, called with one item.

    Args:
        spec: The stage of the level.
        raw: The format of headerless sources.
    """

    spec: StageSpec
    raw: RawFormat | None = None

    def __call__(self, item: Any) -> dict[str, Any]:
        """Return the levels of one item, whose payload is a path and no outputs.

        Returns:
            Its levels, and under the stage's name the gain and mode of the first try: what
            a limiter takes back is known only once it has run.
        """
        source, _ = item.payload
        with open_audio(source, raw=self.raw) as reader:
            report = measured(reader).result()
            warnings = list(reader.warnings)
        stage: Any = self.spec.build(reader.fmt)
        planned = stage.build(heard_by(stage, report)).facts()
        row = report.to_row()
        for name in ("gain_db", "mode", "reason"):
            row[f"{self.spec.use}_{name}"] = planned[name]
        return row | {"warnings": warnings}


@dataclasses.dataclass(frozen=True, slots=True)
class ReportJob:
    """Measure one recording of an album; picklable, called with one item.

    Args:
        spec: A stage to hear the recording behind; None to hear it as it is.
        raw: The format of headerless sources.
    """

    spec: StageSpec | None = None
    raw: RawFormat | None = None

    def __call__(self, item: Any) -> dict[str, Any]:
        """Return the report of one item under ``report``, as text: see `unpacked`."""
        source, _ = item.payload
        with open_audio(source, raw=self.raw) as reader:
            report = measured(reader).result()
        if self.spec is not None:
            report = self._behind(self.spec, source, report)
        # A sketch is of use to its own recording only, and would fill the disk.
        report = replace(report, loudness=replace(report.loudness, sketch=None))
        return {"report": base64.b64encode(pickle.dumps(report)).decode("ascii")}

    def _behind(self, spec: StageSpec, source: str, report: LevelsReport) -> LevelsReport:
        with open_audio(source, raw=self.raw) as reader:
            stage: Any = spec.build(reader.fmt)
            meter = LevelsMeter(reader.fmt)
            blocks = reader.blocks(BLOCK_SAMPLES)
            for block in run_blocks(stage.build(report.loudness), blocks):
                meter.update(block)
        return meter.result()


def unpacked(text: str) -> LevelsReport:
    """Return the report that a `ReportJob` of this run has sent."""
    report: LevelsReport = pickle.loads(base64.b64decode(text))  # noqa: S301  our own worker's
    return report
