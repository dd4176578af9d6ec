"""``audiokit score``: rate recordings without a reference."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from audiokit.cli.options import BatchOptions, GateOptions, Sources, TableOptions, command
from audiokit.cli.run import batch_settings, prepare_report
from audiokit.cli.tables import score_line
from audiokit.errors import SettingError

if TYPE_CHECKING:
    from audiokit.batch.folder import ReportRun
    from audiokit.recipe import Recipe

EXAMPLES = (
    "audiokit score takes/",
    "audiokit score takes/ --bottom 10",
    "audiokit score takes/ --format csv -o scores.csv",
    "audiokit score takes/ --fail-under overall=60,snr_db=15 --junit scores.xml",
    "audiokit score takes/ --baseline scores.json --max-drop 2",
)


@command
def score(
    sources: Sources,
    profile: Annotated[
        str | None,
        typer.Option(help="How components are weighed: default or seed."),
    ] = None,
    extra: Annotated[
        Literal["dnsmos"] | None,
        typer.Option("--with", help="Ask DNSMOS too, which needs audiokit's extra of that name."),
    ] = None,
    *,
    batch: BatchOptions,
    gates: GateOptions,
    output: TableOptions,
) -> None:
    """Rate the quality of recordings, without a reference.

    0 to 100 overall, and each component with its unit; null where a measure does not
    apply. With gates, the exit code is 4 where a recording does not meet one.
    """
    from audiokit.cli.gating import Gating
    from audiokit.cli.judged import Judged, run_judged
    from audiokit.cli.ranking import Ranking
    from audiokit.cli.row_file import with_format
    from audiokit.jobs.score import DNSMOS_COLUMNS, SCORE_PREFIX, score_columns
    from audiokit.quality.dnsmos_engine import check_installed
    from audiokit.recipe import make_recipe

    output = with_format(output)
    settings = {} if profile is None else {"profile": profile}
    recipe = make_recipe("score", {"write": {"scores": settings}})
    recipe.check()
    if extra == "dnsmos":
        check_installed()
    columns = (*score_columns(recipe), *(DNSMOS_COLUMNS if extra == "dnsmos" else ()))
    ranking = Ranking(output, columns=columns, prefix=SCORE_PREFIX, usual="overall")
    gating = Gating(gates, command="score", columns=columns, prefix=SCORE_PREFIX, usual="overall")
    gating.check_files(output, may_replace=batch.overwrite)
    run = _run_of(sources, recipe, batch, has_dnsmos=extra == "dnsmos")
    run_judged(run, Judged("score", gating, ranking, score_line), batch=batch, output=output)


def _run_of(
    sources: list[str], recipe: Recipe, batch: BatchOptions, *, has_dnsmos: bool
) -> ReportRun:
    from audiokit.batch.folder import ReportRun
    from audiokit.files.find import Source
    from audiokit.files.raw import parse_raw_format
    from audiokit.jobs.score import ScoreJob, StdinScoreJob
    from audiokit.jobs.task import Limits

    raw = parse_raw_format(batch.raw_format) if batch.raw_format else None
    limits = Limits(batch.min_duration_s, batch.max_duration_s)
    if sources != ["-"]:
        job = ScoreJob(recipe, limits, has_dnsmos=has_dnsmos, raw=raw)
        return prepare_report(sources, job, batch=batch)
    if has_dnsmos:
        raise SettingError("sources", "-", "files with --with dnsmos, which reads them again")
    return ReportRun(
        [Source("stdin", PurePosixPath("stdin"))],
        StdinScoreJob(recipe, limits, raw),
        out=None,
        kinds={},
        fingerprint="",
        settings=batch_settings(batch),
    )
