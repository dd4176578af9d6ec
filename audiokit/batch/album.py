"""One gain for many recordings: they keep their places among one another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

from audiokit.batch.plan import Job, Row
from audiokit.files.raw import RawFormat
from audiokit.jobs.measure import ReportJob, unpacked
from audiokit.loudness.levels import LevelsReport
from audiokit.loudness.normalize import heard_by
from audiokit.recipe import StageSpec, make_recipe
from audiokit.stage import StreamFormat

__all__ = ["album_stage"]

# Levels have no rate: the stage searches with the merged reports of all.
_ANY_FORMAT = StreamFormat(48_000)


def album_stage(
    spec: StageSpec, run: Callable[[Job], Iterable[Row]], *, raw: RawFormat | None = None
) -> StageSpec:
    """Find the gain that brings recordings, taken together, to a level.

    The search is that of a single recording: a stage hears the album's report, and where
    a limiter moves the result, hears the album again behind it.

    Args:
        spec: The stage of the level: its target and ceiling.
        run: Runs a job over all recordings and returns the rows, in the same order each
            time; called once, and once more for each try behind a limiter.
        raw: The format of headerless sources.

    Returns:
        The stage that applies the gain to each recording, below the same ceiling.
    """
    report = _merged(run(ReportJob(raw=raw)))
    if report is None:
        # Nothing could be measured: the rows of the run to come say why.
        return _applying(spec, 0.0, "")
    stage: Any = spec.build(_ANY_FORMAT)
    stage.build(heard_by(stage, report))
    while stage.foresee() is None:
        behind = _merged(run(ReportJob(_applying(spec, stage.gain_db, stage.reason), raw=raw)))
        if behind is None or stage.correct(heard_by(stage, behind)) is None:
            break
    return _applying(spec, stage.gain_db, stage.reason)


def _applying(spec: StageSpec, gain_db: float, reason: str) -> StageSpec:
    """Return the stage that applies an album's gain to one recording."""
    settings = spec.settings()
    table = {"use": "album", "gain_db": gain_db, "reason": reason}
    table["limit"] = getattr(settings, "limit", False)
    table["ceiling_dbtp"] = getattr(settings, "ceiling_dbtp", None)
    return make_recipe("album", {"stage": [table]}).stages[0]


def _merged(rows: Iterable[Row]) -> LevelsReport | None:
    reports = (unpacked(row["report"]) for row in rows if row["status"] == "ok")
    first = next(reports, None)
    return None if first is None else reduce(LevelsReport.merged_with, reports, first)
