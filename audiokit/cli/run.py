"""How every command over files runs: one file, a pipe, or folders of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from audiokit.cli.console import emit_rows, say, show_progress
from audiokit.cli.one import is_file_name, is_one_file, run_one
from audiokit.cli.options import BatchOptions, OutputOptions
from audiokit.cli.results import kinds_of
from audiokit.cli.tables import columns_of, details_of
from audiokit.errors import AudiokitError, SettingError

if TYPE_CHECKING:
    from audiokit.batch.folder import FolderRun, ReportRun
    from audiokit.recipe import Recipe

__all__ = [
    "Container",
    "audio_tables",
    "batch_settings",
    "found_sources",
    "prepare_report",
    "report_rows",
    "run_folder",
    "run_recipe",
]

Container = Annotated[
    Literal["wav", "flac", "ogg", "opus", "mp3", "m4a"] | None,
    typer.Option(help="Write this kind of file; the source's kind if not given."),
]
Row = dict[str, Any]


def audio_tables(container: str | None, out: str) -> dict[str, Any]:
    """Return the ``write`` table of a command whose result is audio.

    Raises:
        SettingError: The target's name says another kind of file than the flag.
    """
    if container is None:
        return {"audio": {"container": "wav"} if out == "-" else {}}
    if is_file_name(out):
        from audiokit.files.write import container_of

        named = container_of(Path(out))
        if named != container:
            raise SettingError("container", container, f"{named}, as in {out}")
    return {"audio": {"container": container}}


def run_recipe(
    sources: Sequence[str],
    recipe: Recipe,
    *,
    out: str | None,
    command: str,
    batch: BatchOptions,
    output: OutputOptions,
    statistics: Path | None = None,
) -> None:
    """Run sources through a recipe and report.

    Args:
        sources: As the user gave them.
        recipe: What to do.
        out: Folder, audio file, ``-`` for stdout, or None to report only.
        command: The command's name.
        batch: How the run goes.
        output: How it reports.
        statistics: Where statistics of the features of all sources go, if anywhere.

    Raises:
        AudiokitError: As documented for each exit code.
    """
    recipe.check()
    inputs = _inputs(recipe)
    if out == "":
        raise SettingError("out", out, "a folder, a file or -")
    is_alone = list(sources) == ["-"] or out == "-" or is_one_file(sources, out, recipe)
    if is_alone or _shows_details(sources, out, command, output):
        run_one(sources, recipe, out=out, command=command, batch=batch, output=output)
        return
    if out is not None and not recipe.writes:
        expected = "a recipe with a table to write, such as [write.audio]"
        raise SettingError("recipe", recipe.name, expected)
    if out is not None and is_file_name(out, recipe):
        # Where nothing is found, that is the fault to tell.
        next(found_sources(sources, batch, None), None)
        raise SettingError("out", out, "a folder for more than one source")
    from audiokit.batch.folder import FolderRun
    from audiokit.files.raw import parse_raw_format
    from audiokit.jobs.process import Limits, ProcessJob

    folder = Path(out) if out is not None else None
    job = ProcessJob(
        recipe,
        Limits(batch.min_duration_s, batch.max_duration_s),
        out=folder,
        raw=parse_raw_format(batch.raw_format) if batch.raw_format else None,
    )
    kinds = kinds_of(recipe) if folder is not None else {}
    run = FolderRun(
        found_sources(sources, batch, folder),
        job,
        out=folder,
        kinds=kinds,
        fingerprint=f"{command}:{recipe.fingerprint()}:{batch.raw_format or ''}{inputs}",
        settings=batch_settings(batch),
    )
    if batch.dry_run and "features" in recipe.writes:
        from audiokit.jobs.feature_gather import names_instead

        emit_plan(run, command, output, instead=names_instead(recipe, statistics))
        return
    gather = None if folder is None else _gatherer(recipe, folder, statistics)
    run_folder(run, command=command, batch=batch, output=output, gather=gather)


def _shows_details(
    sources: Sequence[str], out: str | None, command: str, output: OutputOptions
) -> bool:
    """Return whether one file was named to be looked at by a person."""
    is_read = out is None and output.kind is None and details_of(command) is not None
    return is_read and len(sources) == 1 and Path(sources[0]).is_file()


def prepare_report(
    sources: Sequence[str],
    job: Any,
    *,
    batch: BatchOptions,
    pictures: Path | None = None,
    exclude: Path | None = None,
) -> ReportRun:
    """Return a run that reads its sources, and writes nothing but pictures if asked.

    Args:
        sources: As the user gave them.
        job: Called with each item.
        batch: How the run goes.
        pictures: The folder that the job draws into.
        exclude: A folder whose files are no sources: where results go later.
    """
    from audiokit import __version__
    from audiokit.batch.folder import ReportRun

    run = ReportRun(
        found_sources(sources, batch, exclude or pictures),
        job,
        out=pictures,
        kinds={} if pictures is None else {"picture": ("", "png")},
        fingerprint=f"pictures:{__version__}:{batch.raw_format or ''}",
        settings=batch_settings(batch),
    )
    usual = BatchOptions()
    run.is_limited = (batch.timeout_s, batch.memory_mb) != (usual.timeout_s, usual.memory_mb)
    return run


def report_rows(
    sources: Sequence[str],
    job: Any,
    *,
    batch: BatchOptions,
    output: OutputOptions,
    exclude: Path | None,
) -> Iterator[Row]:
    """Run a job that only reports over all sources, with progress; yield its rows in order.

    Args:
        sources: As the user gave them.
        job: Called with each item.
        batch: How the run goes.
        output: How it reports.
        exclude: A folder whose files are no sources.
    """
    run = prepare_report(sources, job, batch=batch, exclude=exclude)
    return run.in_order(show_progress(run.rows(), run.total, output))


def run_folder(
    run: FolderRun,
    *,
    command: str,
    batch: BatchOptions,
    output: OutputOptions,
    columns: Sequence[str] = (),
    gather: Callable[[], None] | None = None,
) -> None:
    """Run a prepared run, with progress, rows and a closing summary.

    Args:
        run: What to run.
        command: The command's name.
        columns: What a table shows, where that is not what the command always shows.
        batch: How the run goes.
        output: How it reports.
        gather: Called after the last row, for what is made of all results together.
    """
    if batch.dry_run:
        emit_plan(run, command, output)
        return
    _say_collisions(run, output)
    schema = f"audiokit.{command}/1"
    silent: list[str] = []
    rows = _noting_silence(show_progress(run.rows(), run.total, output), silent)
    # A run that writes a manifest has its data there; others report on stdout.
    if run.out is None or not run.has_manifest or output.kind is not None:
        emit_rows(
            run.in_order(rows),
            output,
            schema=schema,
            summary=run.tally.to_row,
            columns=columns or columns_of(command),
        )
    else:
        for _ in rows:
            pass
    if silent:
        more = f" and {len(silent) - 1} more" if len(silent) > 1 else ""
        say(f"no speech was found in {silent[0]}{more}.", output)
    if gather is not None and run.manifest_error is None:
        try:
            gather()
        except AudiokitError:
            # What became of each source is not lost with what is made of all.
            _say_summary(run, output)
            raise
    _close_with_summary(run, output)


def emit_plan(
    run: FolderRun,
    command: str,
    output: OutputOptions,
    *,
    instead: Mapping[str, str] | None = None,
) -> None:
    """Print what a run would read and write.

    Args:
        run: What would be run.
        command: The command's name.
        output: How it reports.
        instead: What is left instead of the parts for each source, by kind of output.
    """
    _say_collisions(run, output)
    names = instead or {}
    rows = (
        {kind: names.get(kind, place) for kind, place in row.items()} for row in run.plan_rows()
    )
    emit_rows(rows, output, schema=f"audiokit.{command}/1")


def _noting_silence(rows: Iterable[Row], silent: list[str]) -> Iterator[Row]:
    """Yield rows; name in `silent` the sources in which nobody was found to speak."""
    for row in rows:
        if row.get("n_segments") == 0:
            silent.append(row["source"])
        yield row


def _say_collisions(run: FolderRun, output: OutputOptions) -> None:
    """Name what would have met; the first, and how many more, unless asked for all."""
    shown = run.collisions if output.verbose else run.collisions[:1]
    for collision in shown:
        say(str(collision), output)
    left = len(run.collisions) - len(shown)
    if left:
        say(f"and {left} more like this; -v names them.", output)


def _say_summary(run: FolderRun, output: OutputOptions) -> None:
    for failure in run.failures():
        sys.stderr.write(f"audiokit: failed: {failure}\n")
    say(run.sentence(), output)


def _close_with_summary(run: FolderRun, output: OutputOptions) -> None:
    _say_summary(run, output)
    if run.manifest_error is not None:
        raise run.manifest_error
    if run.has_failures:
        raise typer.Exit(1)


def found_sources(sources: Sequence[str], batch: BatchOptions, out: Path | None) -> Iterator[Any]:
    """Yield the files that the user's words stand for.

    Args:
        sources: Files, folders, globs, URLs, lists.
        batch: Which names count.
        out: A folder whose files are results, not sources.

    Raises:
        SettingError: stdin is among them.
    """
    from audiokit.files.find import find_sources

    if "-" in sources:
        raise SettingError("sources", "-", "files and folders", "- is read alone, not by this.")
    return find_sources(
        sources, include=tuple(batch.include or ()), list_stream=sys.stdin, exclude=out
    )


def batch_settings(batch: BatchOptions) -> Any:
    """Return how a run over many files goes, as the runner takes it."""
    from audiokit.batch.plan import BatchSettings

    return BatchSettings(
        jobs=batch.jobs,
        backend=batch.backend,
        timeout_s=batch.timeout_s or None,
        memory_mb=batch.memory_mb or None,
        retries=batch.retries,
        fail_fast=batch.fail_fast,
        overwrite=batch.overwrite,
    )


def _gatherer(recipe: Recipe, folder: Path, statistics: Path | None) -> Callable[[], None]:
    def gather() -> None:
        from audiokit.jobs.feature_gather import gather_features

        gather_features(recipe, folder, statistics)

    return gather


def _inputs(recipe: Recipe) -> str:
    """Return a fingerprint of the files that the recipe's settings name."""
    if "features" not in recipe.writes:
        return ""
    from audiokit.jobs.feature_write import digest_of_inputs

    return f":{digest_of_inputs(recipe.write_settings('features'))}"
