"""What a whole folder of features gives beside its files: one table, one script, statistics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audiokit.files.atomic import replacing
from audiokit.recipe import Recipe

__all__ = ["gather_features", "gathered_names"]

_TABLE, _SCRIPT = "features.parquet", "feats.scp"


def gathered_names(recipe: Recipe) -> tuple[str, ...]:
    """Return the names, below the folder, of what `gather_features` writes there."""
    if "statistics" in recipe.writes and recipe.write_settings("statistics").alone:
        return ()
    forms = recipe.formats("features")
    is_table = recipe.write_settings("features").per != "frame" and "parquet" in forms
    return (*([_TABLE] if is_table else []), *([_SCRIPT] if "ark" in forms else []))


def gather_features(recipe: Recipe, folder: Path, statistics: Path | None) -> None:
    """Gather what the recordings of a folder gave, in the order of its manifest.

    Args:
        recipe: What was done; rows of other settings are left out.
        folder: The run's folder, with its manifest.
        statistics: Where statistics of all recordings go, if anywhere.

    Raises:
        SettingError: The statistics of two recordings do not go together.
        ResourceError: The disk is full, or a place may not be written.
    """
    if "features" not in recipe.writes:
        return
    rows = list(_rows(folder, recipe.fingerprint()))
    results = dict(zip(recipe.formats("features"), recipe.result_names("features"), strict=True))
    names = gathered_names(recipe)
    if rows and _TABLE in names:
        from audiokit.files.span_table import join_tables

        join_tables((folder / row[results["parquet"]] for row in rows), folder / _TABLE)
    if rows and _SCRIPT in names:
        scripts = [folder / row[f"{results['ark']}_scp"] for row in rows]
        # Kaldi wants lines in the order of their bytes.
        lines = sorted(script.read_bytes() for script in scripts)
        with replacing(folder / _SCRIPT) as temporary:
            temporary.write_bytes(b"".join(lines))
    if rows and statistics is not None:
        from audiokit.jobs.feature_statistics import merge_statistics

        merge_statistics((folder / row["statistics"] for row in rows), statistics)


def _rows(folder: Path, fingerprint: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of what was done with these settings."""
    with (folder / "manifest.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            if row["status"] == "ok" and row["settings"] == fingerprint:
                yield row
