"""The only place that prints: data on stdout, talk on stderr."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from audiokit.cli.options import OutputOptions

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = [
    "emit_event",
    "emit_rows",
    "emit_text",
    "finite",
    "say",
    "show_progress",
    "show_status",
]

Row = Mapping[str, Any]
_LONGEST_UNFOLDED, _LEAST_FOLDED = 18, 12


def emit_text(text: str) -> None:
    """Write data that is text already to stdout."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def say(message: str, output: OutputOptions) -> None:
    """Write one line of talk to stderr, unless the user asked for quiet."""
    if not output.quiet:
        # Over the status line, if there is one.
        begin = "\r\x1b[K" if sys.stderr.isatty() else ""
        sys.stderr.write(f"{begin}audiokit: {message}\n")


def emit_event(event: Row) -> None:
    """Write what has happened to stdout, as a line of JSON, at once."""
    sys.stdout.write(json.dumps(finite(event), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def show_status(text: str, output: OutputOptions) -> None:
    """Show on a terminal, in place of what was shown before, how things are."""
    if not output.quiet and sys.stderr.isatty():
        sys.stderr.write(f"\r{text}\x1b[K")


def emit_rows(
    rows: Iterable[Row],
    output: OutputOptions,
    *,
    schema: str,
    summary: Callable[[], Row] | None = None,
    columns: Sequence[str] = (),
    to: TextIO | None = None,
) -> None:
    """Write rows to stdout in the format the user asked for; a table by default.

    Args:
        rows: One mapping per item, JSON types only; taken one by one where the format
            allows.
        output: What the user asked for.
        schema: Name and version of the rows, for JSON.
        summary: Gives facts about all of them, for JSON; asked after the last row.
        columns: What a table shows, where all would be too much for a person.
        to: Another place than stdout.
    """
    to = to or sys.stdout
    if output.kind == "json":
        _emit_json(rows, schema, summary, to)
    elif output.kind == "jsonl":
        _emit_jsonl(rows, to)
    elif output.kind == "csv":
        _emit_csv(rows, to)
    else:
        _emit_table(rows, columns, to)


def _emit_json(
    rows: Iterable[Row], schema: str, summary: Callable[[], Row] | None, to: TextIO
) -> None:
    to.write(f'{{"schema": {json.dumps(schema)}, "rows": [')
    separator = "\n"
    for row in rows:
        to.write(separator + json.dumps(finite(row), ensure_ascii=False))
        separator = ",\n"
    to.write("\n]")
    if summary is not None:
        to.write(f', "summary": {json.dumps(finite(summary()), ensure_ascii=False)}')
    to.write("}\n")


def _emit_jsonl(rows: Iterable[Row], to: TextIO) -> None:
    for row in rows:
        to.write(json.dumps(finite(row), ensure_ascii=False) + "\n")
        to.flush()


def _emit_csv(rows: Iterable[Row], to: TextIO) -> None:
    # The header comes first but needs every row: failed rows have fewer columns.
    flat = [dict(_flattened(row)) for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, _columns(flat), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    to.write(text.getvalue())


def _emit_table(rows: Iterable[Row], shown: Sequence[str], to: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table

    flat = [dict(_flattened(row)) for row in rows]
    columns = [
        name
        for name in _columns(flat)
        if (not shown or name in shown) and any(row.get(name) not in (None, "") for row in flat)
    ]
    console = Console(file=to, highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 10_000  # a pipe has no width: nothing is folded
    table = Table(box=None, pad_edge=False, header_style="bold")
    widths = {
        name: max(len(name), *(len(_cell(row.get(name))) for row in flat)) for name in columns
    }
    unfolded = _unfolded(widths, console.width)
    for name in columns:
        is_number = all(isinstance(row.get(name), int | float | None) for row in flat)
        table.add_column(
            name,
            justify="right" if is_number else "left",
            overflow="fold",
            no_wrap=name in unfolded,
        )
    for row in flat:
        table.add_row(*(_cell(row.get(name)) for name in columns))
    with console.capture() as captured:
        console.print(table)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    to.write("".join(f"{line}\n" for line in lines if line))


def _unfolded(widths: Mapping[str, int], width: int) -> set[str]:
    """Return the columns to keep whole where a terminal is narrow: none if too many are.

    Names of files and sentences are folded first; figures cut in two read badly.
    """
    short = {name for name, own in widths.items() if own <= _LONGEST_UNFOLDED}
    left = width - sum(widths[name] + 2 for name in short)
    return short if left >= _LEAST_FOLDED * (len(widths) - len(short)) else set()


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    # More than two decimals are for programs, which have other formats.
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _flattened(row: Row, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple):
            yield prefix + name, "; ".join(str(item) for item in value)
        else:
            yield prefix + name, value


def finite(value: Any) -> Any:
    """Return `value` with NaN and infinity as null: JSON has neither."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def show_progress(
    rows: Iterable[dict[str, Any]], total: int, output: OutputOptions
) -> Iterator[dict[str, Any]]:
    """Yield rows, drawing on a terminal how far the run is and when it will end."""
    if output.quiet or not sys.stderr.isatty():
        yield from rows
        return
    audio_s = failed = 0.0
    with _progress() as progress:
        task = progress.add_task("", total=total, failed=0, speed="")
        for row in rows:
            audio_s += row.get("duration_s") or 0.0
            failed += row.get("status") == "failed"
            elapsed_s = progress.tasks[0].elapsed or 1e-9
            progress.update(
                task, advance=1, failed=int(failed), speed=f"{audio_s / elapsed_s:,.0f}"
            )
            yield row


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed"),
        TextColumn("{task.fields[speed]} audio-h/h"),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        transient=True,
    )
