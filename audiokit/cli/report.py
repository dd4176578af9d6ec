"""``audiokit report``: a page about a folder of recordings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiokit.cli.console import emit_rows, say, show_progress
from audiokit.cli.options import BatchOptions, OutputOptions, Sources, command
from audiokit.cli.row_file import check_target
from audiokit.cli.run import emit_plan, read_sources, report_found, say_summary
from audiokit.errors import InterruptedRunError, SettingError
from audiokit.recipe import make_recipe

if TYPE_CHECKING:
    from audiokit.jobs.report_dataset import Dataset
    from audiokit.jobs.report_rows import Gathered, Recording
    from audiokit.jobs.report_steps import ShownJob
    from audiokit.recipe import Recipe

EXAMPLES = (
    "audiokit report takes/ -o report.html",
    "audiokit report dataset/ -o report.html --worst 30 --excerpt-s 5",
    "audiokit report takes/ -o report.html --json | jq .summary",
)
_PAGES = (".html", ".htm")


@command
def report(
    sources: Sources,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page: a name ending in .html.")],
    worst: Annotated[
        int, typer.Option(help="How many are shown with picture and player; 0 to 100.")
    ] = 12,
    excerpt_s: Annotated[
        float, typer.Option(help="Seconds of each that can be heard; 0 to 60, 0: none.")
    ] = 10.0,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe", "-r", help="What made the folder, if that is a .toml file of your own."
        ),
    ] = None,
    *,
    batch: BatchOptions,
    output: OutputOptions,
) -> None:
    """Make a page about a folder: scores, the worst, before and after.

    One HTML file that needs nothing from elsewhere: distributions, a table to sort and
    filter, the worst recordings with players. Of a folder made by process, what it did.
    """
    from audiokit.files.atomic import replacing
    from audiokit.files.raw import parse_raw_format
    from audiokit.jobs.process import Limits, ProcessJob
    from audiokit.jobs.report_dataset import read_dataset
    from audiokit.jobs.report_excerpt import ExcerptJob
    from audiokit.jobs.report_page import ReportSettings, report_page
    from audiokit.jobs.report_rows import gather
    from audiokit.jobs.report_steps import ShownJob
    from audiokit.jobs.report_words import counted

    settings = ReportSettings(worst, excerpt_s)
    _check_target(out, batch)
    raw = parse_raw_format(batch.raw_format) if batch.raw_format else None
    is_folder = len(sources) == 1 and Path(sources[0]).is_dir()
    dataset = read_dataset(Path(sources[0])) if is_folder else None
    if dataset is None:
        _refuse({"recipe": recipe}, "none but for a folder that process made")
    else:
        # Its manifest says what there is, and what it is.
        told = {"include": batch.include, "raw_format": batch.raw_format}
        _refuse(told, "none for a folder that process made")
    found = read_sources(sources, batch) if dataset is None else list(dataset.sources())
    made_by, remark = (None, "") if dataset is None else _recipe_of(dataset, recipe)
    limits = Limits(batch.min_duration_s, batch.max_duration_s)
    run = report_found(found, ProcessJob(_scoring(), limits, out=None, raw=raw), batch=batch)
    if batch.dry_run:
        emit_plan(run, "report", output)
        return
    try:
        with replacing(out) as page:
            # A place that cannot be written is told before the work.
            page.touch()
            rows = list(run.in_order(show_progress(run.rows(), run.total, output)))
            gathered = gather(rows, found, _title(sources), dataset=dataset, remark=remark)
            excerpt = ExcerptJob(settings.excerpt_s, gathered.befores(settings.worst), raw=raw)
            job = ShownJob(excerpt, made_by, raw=raw)
            clips = _clips(gathered.worst(settings.worst), job, batch, output)
            # A file name need not be text; what is not is written as an escape.
            text = report_page(gathered, clips, settings).encode("utf-8", "backslashreplace")
            page.write_bytes(text)
    except InterruptedRunError as error:
        raise InterruptedRunError("interrupted; no page was written.") from error
    if output.kind is not None:
        _emit(rows, gathered, output, page={"page": str(out), "page_bytes": len(text)})
    say(f"{out}: {counted(len(gathered.recordings), 'recording')}, {_size(text)}.", output)
    say_summary(run, output)
    if run.has_failures:
        raise typer.Exit(1)


def _size(text: bytes) -> str:
    return f"{len(text) / 1e6:.1f} MB" if len(text) >= 100_000 else f"{len(text) / 1e3:.0f} kB"


def _check_target(out: Path, batch: BatchOptions) -> None:
    if out.suffix.lower() not in _PAGES or out.is_dir():
        raise SettingError("out", str(out), "a file with a name ending in .html")
    check_target("out", out, may_replace=batch.overwrite)


def _refuse(told: Mapping[str, Any], expected: str) -> None:
    for name, value in told.items():
        if value:
            raise SettingError(name, value, expected)


def _scoring() -> Recipe:
    recipe = make_recipe("score", {"write": {"scores": {}}})
    recipe.check()
    return recipe


def _title(sources: list[str]) -> str:
    first = Path(sources[0])
    name = first.name or first.resolve().name
    return name if len(sources) == 1 else f"{name} and {len(sources) - 1} more"


def _recipe_of(dataset: Dataset, named: str | None) -> tuple[Recipe | None, str]:
    from audiokit.jobs.report_steps import recipe_of
    from audiokit.settings import find_config, load_toml

    path = find_config()
    return recipe_of(dataset, named, load_toml(path).get("stage", {}) if path else {})


def _clips(
    shown: list[Recording], job: ShownJob, batch: BatchOptions, output: OutputOptions
) -> dict[str, Any]:
    """Read the worst again for what is seen and heard of them; return rows by path."""
    from audiokit.files.find import Source

    if not shown:
        return {}
    again = report_found([Source(item.path, item.place) for item in shown], job, batch=batch)
    return {row["source"]: row for row in show_progress(again.rows(), again.total, output)}


def _emit(
    rows: list[dict[str, Any]], gathered: Gathered, output: OutputOptions, *, page: dict[str, Any]
) -> None:
    from audiokit.jobs.report_figures import summary_of

    summary = summary_of(gathered) | page
    emit_rows(rows, output, schema="audiokit.report/1", summary=lambda: summary)
