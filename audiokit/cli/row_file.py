"""Rows that go to a file of their own: which format, and where it may be."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from audiokit.cli.console import emit_rows, finite
from audiokit.cli.options import TableOptions
from audiokit.errors import SettingError
from audiokit.files.extensions import looks_like_audio

__all__ = ["check_no_recording", "check_target", "with_format", "write_rows"]

Row = Mapping[str, Any]
_FORMATS = {".json": "json", ".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet"}


def with_format(output: TableOptions) -> TableOptions:
    """Return the options with the format that the file's name tells, where none is given.

    Raises:
        SettingError: Parquet is asked for on stdout, or the file is no place for rows.
    """
    if output.out in (None, "-"):
        if output.kind == "parquet":
            raise SettingError("format", "parquet", "a file for it", "Add -o scores.parquet.")
        return replace(output, out=None)
    if output.out == "":
        raise SettingError("out", output.out, "a file for the rows, or -")
    if looks_like_audio(str(output.out)):
        raise SettingError("out", output.out, "a file for rows, as scores.json")
    if output.kind is not None:
        return output
    named: Any = _FORMATS.get(Path(str(output.out)).suffix.lower(), "table")
    return replace(output, format=named)


def check_target(name: str, target: Path, *, may_replace: bool) -> None:
    """Refuse, before any work, a file that could not be written at its end.

    Args:
        name: The setting that names it.
        target: The file.
        may_replace: Whether a file that is there may go.

    Raises:
        SettingError: It is a folder or a device, is there already, or its folder cannot be
            written.
    """
    if os.path.lexists(target) and not target.is_file():
        raise SettingError(name, str(target), "a file")
    if target.exists() and not may_replace:
        raise SettingError(name, str(target), "a new file", "Add --overwrite to replace it.")
    folder = target.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        # What is allowed is not always possible; nothing is left of the attempt.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        expected = "a file in a folder that may be written"
        raise SettingError(name, str(target), expected) from error


def check_no_recording(name: str, target: Path) -> None:
    """Refuse a name that a recording would have: a slip of the hand must not cost one.

    Args:
        name: The setting that names it.
        target: A file that is to hold something else.

    Raises:
        SettingError: It looks like a recording.
    """
    if looks_like_audio(str(target)):
        raise SettingError(name, str(target), "a file that does not look like a recording")


def write_rows(
    rows: Iterable[Row],
    output: TableOptions,
    *,
    schema: str,
    summary: Callable[[], Row],
) -> None:
    """Write rows to the file that was asked for; it takes its place when it is whole.

    Args:
        rows: One mapping per item.
        output: What the user asked for; names a file.
        schema: Name and version of the rows, for JSON.
        summary: Gives facts about all of them, for JSON; asked after the last row.

    Raises:
        ResourceError: The disk is full, or the place may not be written.
    """
    from audiokit.files.atomic import replacing

    target = Path(str(output.out))
    if output.kind == "parquet":
        _write_parquet(rows, target)
        return
    # A file name need not be text; what is not is written as an escape.
    with (
        replacing(target) as part,
        part.open("w", encoding="utf-8", errors="backslashreplace") as to,
    ):
        emit_rows(rows, output, schema=schema, summary=summary, to=to)


def _write_parquet(rows: Iterable[Row], target: Path) -> None:
    from audiokit.batch.manifest import widen
    from audiokit.files.parquet import parquet_from_json_lines

    schema: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="audiokit-") as scratch:
        lines = Path(scratch) / "rows.jsonl"
        with lines.open("w", encoding="utf-8", errors="backslashreplace") as to:
            for row in rows:
                to.write(json.dumps(finite(row), ensure_ascii=False) + "\n")
                widen(schema, dict(row))
        # A column that is null in every row still needs a type.
        kinds = {name: "string" if kind == "null" else kind for name, kind in schema.items()}
        parquet_from_json_lines(lines, target, kinds)
