"""What a whole folder of features gives beside its files: one table, one script, statistics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from audiokit.errors import SettingError
from audiokit.files.atomic import replacing
from audiokit.jobs.feature_layout import Frames
from audiokit.recipe import Recipe

__all__ = ["gather_features", "gathered_names", "names_instead"]

_TABLE, _SCRIPT = "features.parquet", "feats.scp"


def gathered_names(recipe: Recipe) -> tuple[str, ...]:
    """Return the names, below the folder, of what `gather_features` writes there."""
    if "statistics" in recipe.writes and recipe.write_settings("statistics").alone:
        return ()
    forms = recipe.formats("features")
    is_table = recipe.write_settings("features").per != "frame" and "parquet" in forms
    return (*([_TABLE] if is_table else []), *([_SCRIPT] if "ark" in forms else []))


def names_instead(recipe: Recipe, statistics: Path | None) -> Mapping[str, str]:
    """Return what a run leaves instead of the parts for each recording, by kind of output.

    Args:
        recipe: What is done.
        statistics: Where statistics of all recordings go, if anywhere.
    """
    if "features" not in recipe.writes:
        return {}
    names = {} if statistics is None else {"statistics": str(statistics)}
    if _TABLE in gathered_names(recipe):
        forms, kinds = recipe.formats("features"), recipe.result_names("features")
        names[kinds[forms.index("parquet")]] = _TABLE
    return names


def gather_features(recipe: Recipe, folder: Path, statistics: Path | None) -> None:
    """Gather what the recordings of a folder gave, in the order of its manifest.

    Args:
        recipe: What was done; rows of other settings are left out.
        folder: The run's folder, with its manifest.
        statistics: Where statistics of all recordings go, if anywhere.

    Raises:
        SettingError: What two recordings gave does not go together.
        ResourceError: The disk is full, or a place may not be written.
    """
    if "features" not in recipe.writes:
        return
    rows = list(_rows(folder, recipe.fingerprint()))
    results = dict(zip(recipe.formats("features"), recipe.result_names("features"), strict=True))
    names = gathered_names(recipe)
    if rows and _TABLE in names:
        from audiokit.files.span_table import join_tables

        kind = results["parquet"]
        tables = [(row["source"], folder / row[kind]) for row in rows]
        join_tables(_alike(tables), folder / _TABLE)
    if rows and _SCRIPT in names:
        kind = f"{results['ark']}_scp"
        _join_scripts([(row["source"], folder / row[kind]) for row in rows], folder / _SCRIPT)
    if rows and statistics is not None:
        from audiokit.jobs.feature_statistics import merge_statistics

        parts = ((row["source"], folder / row["statistics"]) for row in rows)
        merge_statistics(parts, statistics)


def _alike(tables: Iterable[tuple[str, Path]]) -> Iterator[Path]:
    """Yield the tables of recordings, as long as each has the frames of the first.

    Raises:
        SettingError: One has others.
    """
    from audiokit.files.span_table import facts_of

    first: Frames | None = None
    for source, path in tables:
        columns, facts = facts_of(path)
        frames = Frames(source, json.loads(facts["frame_rule"]), columns)
        first = first or frames
        frames.check_like(first)
        yield path


def _join_scripts(scripts: Iterable[tuple[str, Path]], target: Path) -> None:
    """Write the scripts of recordings as one, in the order of their bytes, as Kaldi wants it.

    Raises:
        SettingError: Two recordings have one key.
    """
    lines: dict[bytes, tuple[str, bytes]] = {}
    for source, path in scripts:
        line = path.read_bytes()
        key = line.partition(b" ")[0]
        if key in lines:
            name = f"{source}: key in {target.name}"
            expected = f"another than that of {lines[key][0]}"
            raise SettingError(name, key.decode(), expected, "Rename one of them.")
        lines[key] = (source, line)
    with replacing(target) as temporary:
        temporary.write_bytes(b"".join(sorted(line for _, line in lines.values())))


def _rows(folder: Path, fingerprint: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of what was done with these settings."""
    with (folder / "manifest.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            if row["status"] == "ok" and row["settings"] == fingerprint:
                yield row
