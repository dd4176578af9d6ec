"""What ``audiokit process`` has left in a folder: its recordings, their sources, its failures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from statistics import median
from typing import Any

from audiokit.errors import UnreadableError
from audiokit.files.find import Source
from audiokit.registry import STAGES

__all__ = ["Dataset", "Made", "StageFact", "read_dataset", "stage_facts"]

Row = Mapping[str, Any]
_MANIFEST = "manifest.jsonl"
# What only a row of ours has, all of them together.
_MARKS = {"source", "status", "settings", "audiokit_version"}
_BEFORE = "source_score_"


@dataclass(frozen=True, slots=True)
class Made:
    """A recording that a run has made.

    Args:
        path: Of the recording.
        name: Of the recording, below the folder of audio.
        source: Path of what it was made of, as the run was told.
        is_source_here: Whether that file is there now.
        row: All that the manifest says.
    """

    path: str
    name: str
    source: str
    is_source_here: bool
    row: Row

    @property
    def scores_before(self) -> dict[str, Any]:
        """The scores of the source as the run measured them; empty where it did not."""
        return {
            name.removeprefix(_BEFORE): value
            for name, value in self.row.items()
            if name.startswith(_BEFORE)
        }

    @property
    def facts(self) -> dict[str, Any]:
        """What the stages did to it, and what was found in it."""
        found = ("n_segments", "speech_s", "speech_ratio")
        return {
            name: value for name, value in self.row.items() if _stage_of(name) or name in found
        }


@dataclass(frozen=True, slots=True)
class Dataset:
    """A folder that a run has made.

    Args:
        folder: Where it is.
        made: Its recordings, in the order of the manifest.
        failures: Name and sentence of each source that the run could not take.
        n_missing: How many recordings the manifest names that are not there.
    """

    folder: Path
    made: Sequence[Made]
    failures: Sequence[tuple[str, str]]
    n_missing: int

    def sources(self) -> Iterator[Source]:
        """Yield what there is to hear: each recording, then each source that is there."""
        for made in self.made:
            yield Source(made.path, PurePosixPath(made.name))
        known = {made.path for made in self.made}
        for made in self.made:
            if made.is_source_here and made.source not in known:
                known.add(made.source)
                yield Source(made.source, PurePosixPath("source", made.name))


@dataclass(frozen=True, slots=True)
class StageFact:
    """What a stage did to the recordings, taken together.

    Args:
        stage: Its name.
        name: What is told, without the stage's name.
        values: The numbers, where it is told in numbers.
        words: How often each word was told, where it is told in words.
    """

    stage: str
    name: str
    values: tuple[float, ...]
    words: Mapping[str, int]

    @property
    def spread(self) -> tuple[float, float, float]:
        """The least, the median and the most of the numbers."""
        return min(self.values), median(self.values), max(self.values)


def read_dataset(folder: Path) -> Dataset | None:
    """Return what a run has left in a folder; None where no run of ours has.

    Raises:
        UnreadableError: Its manifest cannot be read.
    """
    path = folder / _MANIFEST
    if not path.is_file():
        return None
    rows = list(_rows(path))
    ours = [row for row in rows if row.keys() >= _MARKS and row.get("audio")]
    if not ours:
        return None
    places = [PurePosixPath(row["audio"]) for row in ours]
    is_below = all(place.parts[0] == "audio" and len(place.parts) > 1 for place in places)
    made = []
    for row, place in zip(ours, places, strict=True):
        name = PurePosixPath(*place.parts[1:]) if is_below else place
        source = str(row["source"])
        is_here = Path(source).is_file()
        made.append(Made(str(folder / place), str(name), source, is_here, row))
    there = [item for item in made if Path(item.path).is_file()]
    failures = [
        (str(row["source"]), str(row.get("error") or "It failed."))
        for row in rows
        if row.get("status") == "failed" and "source" in row
    ]
    return Dataset(folder, there, failures, len(made) - len(there))


def stage_facts(made: Sequence[Made]) -> list[StageFact]:
    """Return what each stage did, in the order of the stages."""
    numbers: dict[str, list[float]] = {}
    words: dict[str, Counter[str]] = {}
    for item in made:
        for name, value in item.row.items():
            if not _stage_of(name) or value is None:
                continue
            if isinstance(value, int | float) and not isinstance(value, bool):
                numbers.setdefault(name, []).append(float(value))
            elif isinstance(value, str):
                words.setdefault(name, Counter())[value] += 1
    return [
        StageFact(
            stage := _stage_of(name),
            name.removeprefix(f"{stage}_"),
            tuple(numbers.get(name, ())),
            dict(sorted(words.get(name, Counter()).items())),
        )
        for name in _merged([list(item.facts) for item in made])
        if name in numbers or name in words
    ]


def _merged(orders: Sequence[list[str]]) -> list[str]:
    """Return all names, each behind what any recording has it behind."""
    merged: list[str] = []
    known: set[str] = set()
    for names in orders:
        at = 0
        for name in names:
            if name in known:
                at = merged.index(name) + 1
            else:
                merged.insert(at, name)
                known.add(name)
                at += 1
    return merged


def _stage_of(name: str) -> str:
    """Return the stage that a column is about, its number included; empty for none."""
    fitting = [use for use in STAGES if name.startswith(f"{use}_")]
    if not fitting:
        return ""
    use = max(fitting, key=len)
    number = name.removeprefix(f"{use}_").partition("_")[0]
    return f"{use}_{number}" if number.isdigit() else use


def _rows(path: Path) -> Iterator[Row]:
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise UnreadableError(str(path), f"holds no row in line {number}", _HINT)
                yield row
    except (OSError, ValueError) as error:
        raise UnreadableError(str(path), f"cannot be read: {error}", _HINT) from error


_HINT = "Run audiokit process again, or name the recordings themselves"
