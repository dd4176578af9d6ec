"""Run one recording through a recipe: audio, segments, features and scores out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any

import audiokit
from audiokit.files.hash import content_hash
from audiokit.files.read import RawFormat, open_audio
from audiokit.jobs.pipeline import Pipeline
from audiokit.jobs.segment_sink import recording_id
from audiokit.jobs.task import Limits, ProcessTask
from audiokit.recipe import Recipe

__all__ = [
    "SCHEMA",
    "Limits",
    "ProcessJob",
    "ProcessTask",
    "Row",
    "process_file",
]

SCHEMA = "audiokit.process/1"

Row = dict[str, Any]


def process_file(task: ProcessTask, recipe: Recipe, limits: Limits | None = None) -> Row:
    """Run one recording through a recipe.

    Args:
        task: What to read and where to write.
        recipe: Stages and settings.
        limits: What the recording must keep to.

    Returns:
        Facts about the source, the stages and the result, under their Python names.

    Raises:
        ItemError: The recording or the machine is at fault; nothing half-written stays.
        SettingError: A stage cannot work on this format.
    """
    limits = limits or Limits()
    row: Row = {}
    with open_audio(task.source, raw=task.raw) as reader:
        row |= Pipeline(task, recipe, limits, reader).run()
        row["warnings"] = list(reader.warnings)
    row |= {"recipe": recipe.name, "settings": recipe.fingerprint()}
    row["audiokit_version"] = audiokit.__version__
    return row


@dataclass(frozen=True, slots=True)
class ProcessJob:
    """`process_file` for a run over many files: picklable, called with one item.

    Args:
        recipe: Stages and settings.
        limits: What each recording must keep to.
        out: The folder below which outputs go, if there are any.
        raw: The format of headerless sources.
    """

    recipe: Recipe
    limits: Limits
    out: Path | None
    raw: RawFormat | None = None

    def __call__(self, item: Any) -> Row:
        """Process one item, whose payload is a path and its outputs by kind."""
        source, outputs = item.payload
        folder = self.out or Path()
        targets = {kind: folder / relative for kind, relative in outputs.items()}
        scratch = self.out or Path(tempfile.gettempdir())
        place = _place_of(source, outputs.values())
        task = ProcessTask(
            source, targets, name=source, scratch=scratch, raw=self.raw, place=place
        )
        row = process_file(task, self.recipe, self.limits)
        return {"hash": content_hash(source), **row, **outputs}


def _place_of(source: str, outputs: Iterable[str]) -> str:
    """Return where a source lies below the folder that was searched, as its outputs tell."""
    places = [PurePosixPath(place) for place in outputs]
    # Outputs mirror the tree of the sources below a folder for each kind, so that they end alike.
    ends = zip(*(place.parent.parts[::-1] for place in places), strict=False)
    folders = [parts[0] for parts in takewhile(lambda parts: len(set(parts)) == 1, ends)]
    name = PurePosixPath(source).name
    is_whole = all(place.name.startswith(name) for place in places)
    return str(PurePosixPath(*folders[::-1], name if is_whole else recording_id(name)))
