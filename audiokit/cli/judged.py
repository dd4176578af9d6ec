"""How a command runs whose rows are ranked, judged, and written where the user wants them."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from audiokit.cli.console import emit_rows, show_progress
from audiokit.cli.gating import Gating
from audiokit.cli.options import BatchOptions, TableOptions, discard_stdout
from audiokit.cli.ranking import Ranking
from audiokit.cli.row_file import write_rows
from audiokit.cli.run import emit_plan, say_summary
from audiokit.errors import InterruptedRunError, ResourceError

if TYPE_CHECKING:
    from audiokit.batch.folder import ReportRun

__all__ = ["Judged", "run_judged"]

Row = dict[str, Any]
_STDOUT_FAULTS = (errno.EPIPE, errno.ENOSPC)


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of a run's rows.

    Args:
        command: The command's name.
        gating: What every row must reach.
        ranking: Their order.
        line: Returns what a person sees of a row in a table.
        more: Facts about all rows, beside the counts.
    """

    command: str
    gating: Gating
    ranking: Ranking
    line: Callable[[Row], Row]
    more: Callable[[], Mapping[str, Any]] = dict

    @property
    def schema(self) -> str:
        """Name and version of the rows."""
        return f"audiokit.{self.command}/1"


def run_judged(
    run: ReportRun,
    judged: Judged,
    *,
    batch: BatchOptions,
    output: TableOptions,
    note: Callable[[Iterable[Row]], Iterator[Row]] | None = None,
) -> None:
    """Run a prepared run; emit its rows, then say what the gates say of them.

    The gates are asked even where stdout was closed, or is full.

    Args:
        run: What to run.
        judged: What becomes of its rows.
        batch: How the run goes.
        output: How it reports.
        note: Passes the rows on, and may say something of each.

    Raises:
        GateError: A file did not meet a gate.
        InterruptedRunError: Ctrl-C; says how much was done.
        AudiokitError: As documented for each exit code.
    """
    if batch.dry_run:
        emit_plan(run, judged.command, output)
        return
    gating = judged.gating
    sources = [row["source"] for row in run.plan_rows()]
    gating.check_inputs(sources)
    gating.check_sources(sources, output)
    rows = run.in_order(show_progress(run.rows(), run.total, output))
    rows = gating.watch(rows if note is None else note(rows))
    try:
        lost = _emit(run, rows, judged, batch, output)
    except (InterruptedRunError, KeyboardInterrupt) as error:
        unjudged = "; no gate was judged" if gating.is_needed else ""
        done = f"interrupted after {gating.n_judged} of {run.total} files"
        raise InterruptedRunError(f"{done}{unjudged}.") from error
    say_summary(run, output)
    gating.finish()
    if lost is not None and not (isinstance(lost, OSError) and run.has_failures):
        raise lost
    if run.has_failures:
        raise typer.Exit(1)


def _emit(
    run: ReportRun,
    rows: Iterator[Row],
    judged: Judged,
    batch: BatchOptions,
    output: TableOptions,
) -> OSError | ResourceError | None:
    """Emit all rows; return what stood in the way, where gates go on without it."""
    shown = judged.ranking.arranged(rows)
    if output.kind in (None, "table"):
        shown = map(judged.line, shown)

    def summary() -> Row:
        return run.tally.to_row() | dict(judged.more())

    try:
        if output.out is not None:
            write_rows(shown, output, schema=judged.schema, summary=summary)
        else:
            emit_rows(shown, output, schema=judged.schema, summary=summary)
            sys.stdout.flush()
    except (OSError, ResourceError) as error:
        is_output = isinstance(error, ResourceError) or error.errno in _STDOUT_FAULTS
        if not (judged.gating.is_needed and is_output):
            raise
        if isinstance(error, OSError):
            discard_stdout()
        for _ in rows:
            pass
        # A fault of the run itself leaves rows out; what was not judged has not passed.
        if judged.gating.n_judged < run.total and not batch.fail_fast:
            raise
        return error
    return None
