"""Scores of an earlier run, which later ones are held against."""

from __future__ import annotations

import json
import math
import posixpath
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from audiokit.errors import SettingError

__all__ = ["Baseline", "read_baseline"]

_HINT = "Make one with --format json -o scores.json."


@dataclass(frozen=True, slots=True)
class Baseline:
    """Rows of an earlier run by their source.

    Args:
        path: The file.
        rows: By source, as `read_baseline` has checked them.
    """

    path: Path
    rows: Mapping[str, Mapping[str, Any]]

    def value(self, source: str, column: str) -> float | None:
        """Return what a file had; None where there was none."""
        value = self.rows.get(_key(source), {}).get(column)
        return float(value) if isinstance(value, int | float) else None

    def check_columns(self, columns: Iterable[str]) -> None:
        """Refuse a baseline in which a column has no number anywhere.

        Raises:
            SettingError: It is so.
        """
        for column in columns:
            if all(self.value(source, column) is None for source in self.rows):
                raise SettingError("baseline", str(self.path), f"a value of {column}", _HINT)

    def check_sources(self, sources: Iterable[str], columns: Collection[str]) -> tuple[int, int]:
        """Return how many sources it does not know, and how many it knows that are not there.

        Args:
            sources: What is judged.
            columns: What is held against it.

        Raises:
            SettingError: It knows none of them, or has no number of any that it knows.
        """
        given = {_key(source) for source in sources}
        common = given & set(self.rows)
        if not common:
            named = min(self.rows)
            hint = f"It names {named}: run in the folder where it was made, on the same files."
            raise SettingError(
                "baseline", str(self.path), "some of the files that are given", hint
            )
        if all(self.value(name, column) is None for name in common for column in columns):
            expected = f"a value of {' or '.join(columns)} for a file that is given"
            raise SettingError("baseline", str(self.path), expected, _HINT)
        return len(given - common), len(set(self.rows) - common)


def read_baseline(path: Path, schema: str) -> Baseline:
    """Return the rows that an earlier run has written as JSON.

    Args:
        path: What ``--format json -o`` wrote.
        schema: Name and version that the rows must have.

    Raises:
        SettingError: It cannot be read, or is something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except OSError as error:
        problem = error.strerror or "unreadable"
        raise SettingError("baseline", str(path), f"a file to read ({problem})", _HINT) from error
    except (ValueError, RecursionError) as error:
        raise SettingError("baseline", str(path), "a JSON file", _HINT) from error
    rows = found.get("rows") if isinstance(found, dict) else None
    if not isinstance(rows, list) or found.get("schema") != schema:
        raise SettingError("baseline", str(path), f"rows of {schema}", _HINT)
    by_source: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        source = row.get("source") if isinstance(row, dict) else None
        if not isinstance(source, str):
            raise SettingError("baseline", str(path), "rows that name their source", _HINT)
        if _key(source) in by_source:
            raise SettingError("baseline", str(path), f"one row of {source}", _HINT)
        if any(isinstance(value, float) and not math.isfinite(value) for value in row.values()):
            raise SettingError("baseline", str(path), f"finite numbers in the row of {source}")
        by_source[_key(source)] = row
    if not by_source:
        raise SettingError("baseline", str(path), "a row at least: it holds nothing", _HINT)
    return Baseline(path, by_source)


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)


def _key(source: str) -> str:
    """Return a name under which ``./a.wav`` and ``a.wav`` are the same."""
    return source if "://" in source else posixpath.normpath(source)
