"""The manifest of a dataset: one row per source, as JSON Lines and as Parquet.

Rows are in the order of the sources and hold no times of the run, so the same sources,
settings and version give the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from audiokit.files.atomic import replacing
from audiokit.files.parquet import parquet_from_json_lines

__all__ = ["widen", "write_manifest"]

Row = dict[str, Any]
# A file name need not be text; a byte that is none becomes the text of an escape.
_SURROGATE = re.compile("[\ud800-\udfff]")


def write_manifest(out: Path, rows: Iterable[Row]) -> None:
    """Write ``manifest.jsonl`` and ``manifest.parquet`` below a folder.

    Args:
        out: The dataset's folder.
        rows: Taken one by one; never all at once in memory.

    Raises:
        ItemError: The folder cannot be written.
    """
    schema: dict[str, str] = {}
    with replacing(out / "manifest.jsonl") as part, part.open("w", encoding="utf-8") as lines:
        for row in rows:
            text = json.dumps(row, ensure_ascii=False)
            lines.write(_SURROGATE.sub(_escaped, text) + "\n")
            widen(schema, row)
    # A column that is null in every row still needs a type.
    types = {name: "string" if kind == "null" else kind for name, kind in schema.items()}
    parquet_from_json_lines(out / "manifest.jsonl", out / "manifest.parquet", types)


def _escaped(surrogate: re.Match[str]) -> str:
    return rf"\\u{ord(surrogate[0]):04x}"


def widen(schema: dict[str, str], row: Row) -> None:
    """Let a schema take a row: null gives way to all, whole numbers to fractions.

    Args:
        schema: Kind of each column so far: as `parquet_from_json_lines` knows them, or ``null``.
        row: What it must hold too.
    """
    for name, value in row.items():
        kind = _kind(value)
        if schema.get(name, "null") == "null" or (schema[name], kind) == ("int", "float"):
            schema[name] = kind


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float"
    return "list<string>" if isinstance(value, list) else "string"
