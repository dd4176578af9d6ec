"""Statistics of features in a file: one group of columns per speaker."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

from audiokit.errors import DiskFullError, ResourceError, SettingError
from audiokit.features.column_statistics import ColumnStatistics
from audiokit.files.atomic import replacing
from audiokit.jobs.feature_layout import Frames

__all__ = ["SavedStatistics", "StatisticsSettings", "merge_statistics", "read_statistics",
           "speaker_of"]  # fmt: skip

_SCHEMA = "audiokit.statistics/1"
_PATH_COLUMNS = ("source", "audio", "audio_filepath", "path", "file")
Places = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StatisticsSettings:
    """That statistics of each recording are written."""

    alone: bool = False
    """Whether they are all that is wanted, and no features are written."""


@dataclass(frozen=True, eq=False)
class SavedStatistics:
    """What a file of statistics holds.

    Args:
        frame_rule: Where the frames lay that they are of.
        columns: Names of the columns.
        speakers: The statistics of each speaker, by name.
    """

    frame_rule: Mapping[str, Any]
    columns: tuple[str, ...]
    speakers: Mapping[str, ColumnStatistics]

    def pooled(self) -> ColumnStatistics:
        """Return the statistics of all speakers together."""
        pooled = ColumnStatistics.of_nothing(self.columns)
        for statistics in self.speakers.values():
            pooled = pooled.merged(statistics)
        return pooled

    def of(self, speaker: str) -> ColumnStatistics:
        """Return the statistics of one speaker.

        Raises:
            SettingError: There are none.
        """
        if speaker not in self.speakers:
            known = list(self.speakers)
            listed = ", ".join(known[:8]) + (" …" if len(known) > 8 else "")
            raise SettingError("speaker", speaker, f"one of those with statistics: {listed}")
        return self.speakers[speaker]

    def check_fit(self, frame_rule: Mapping[str, Any], columns: tuple[str, ...]) -> None:
        """Refuse to be applied to other columns, or to frames by another rule.

        Raises:
            SettingError: They are.
        """
        for name, value in frame_rule.items():
            if self.frame_rule.get(name) != value:
                expected = f"{value}, as the recording has, for statistics to fit"
                raise SettingError(f"stats.{name}", self.frame_rule.get(name), expected)
        if self.columns != columns:
            odd = set(self.columns) ^ set(columns)
            name = min(odd) if odd else "their order"
            hint = "Make them with the same --families and settings."
            raise SettingError("stats.columns", name, "the same in both", hint)

    def write(self, target: Path) -> None:
        """Write them as JSON.

        Raises:
            ResourceError: The file cannot be written.
        """
        document = {
            "schema": _SCHEMA,
            "frame_rule": dict(self.frame_rule),
            "columns": list(self.columns),
            "speakers": {name: found.to_plain() for name, found in self.speakers.items()},
        }
        with replacing(target) as temporary:
            text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
            temporary.write_bytes((text + "\n").encode("utf-8", "backslashreplace"))


def read_statistics(path: Path) -> SavedStatistics:
    """Read what `SavedStatistics.write` wrote.

    Raises:
        SettingError: The file is not there, or is no such file.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != _SCHEMA:
            raise SettingError("stats", document["schema"], _SCHEMA)
        columns = tuple(map(str, document["columns"]))
        speakers = {
            str(name): ColumnStatistics.from_plain(columns, plain)
            for name, plain in document["speakers"].items()
        }
        return SavedStatistics(dict(document["frame_rule"]), columns, speakers)
    except OSError as error:
        problem = error.strerror or str(error)
        raise SettingError("stats", str(path), f"a file that can be read ({problem})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, SettingError):
            raise
        hint = "Make one with --save-stats."
        raise SettingError("stats", str(path), f"{_SCHEMA} JSON", hint) from error


def merge_statistics(parts: Iterable[tuple[str, Path]], target: Path) -> None:
    """Write the statistics of several files as one, speaker by speaker, in their order.

    Args:
        parts: What each recording is called, and the file of its statistics; one at least.
        target: The file; its folders are made.

    Raises:
        SettingError: Their columns or frames differ, or there is no part.
        ResourceError: The file cannot be written.
    """
    first: Frames | None = None
    speakers: dict[str, ColumnStatistics] = {}
    for source, part in parts:
        found = read_statistics(part)
        frames = Frames(source, found.frame_rule, found.columns)
        first = first or frames
        frames.check_like(first)
        for name, statistics in found.speakers.items():
            known = speakers.get(name)
            speakers[name] = statistics if known is None else known.merged(statistics)
    if first is None:
        raise SettingError("save_stats", str(target), "a recording with features to measure")
    ordered = {name: speakers[name] for name in sorted(speakers)}
    try:
        SavedStatistics(first.rule, tuple(first.columns), ordered).write(target)
    except DiskFullError:
        raise
    except ResourceError as error:
        hint = "Choose another file with --save-stats."
        raise type(error)(error.subject, error.problem, hint) from error


def speaker_of(source: str, speakers: str | None) -> str:
    """Return who speaks in a recording.

    Args:
        source: Its path.
        speakers: ``FILE:COLUMN`` of a CSV or JSON Lines manifest that has the recordings under
            ``source``, ``audio``, ``audio_filepath``, ``path`` or ``file``; the parent folder's
            name where None.

    Raises:
        SettingError: The manifest cannot be read, or does not know the recording.
    """
    if speakers is None:
        return PurePath(source).parent.name or Path(source).resolve().parent.name
    places = _manifest(speakers)
    for place in (str(Path(source).resolve()), PurePath(source).name):
        if place in places:
            return places[place]
    raise SettingError("speakers", speakers, f"a manifest that names {source}")


@lru_cache(maxsize=4)
def _manifest(speakers: str) -> Places:
    """Return the speaker of each recording, by its path and by its bare name."""
    name, _, column = speakers.rpartition(":")
    path = Path(name)
    places: dict[str, str] = {}
    try:
        text = path.read_text(encoding="utf-8-sig") if name else ""
        rows = list(_rows(text, is_csv=path.suffix.lower() == ".csv")) if name else []
        for row in rows:
            source = next(str(row[key]) for key in _PATH_COLUMNS if row.get(key))
            # As it is written, from where the manifest lies, and by its bare name.
            for place in (Path(source), path.parent / source):
                places[str(place.resolve())] = str(row[column])
            places.setdefault(PurePath(source).name, str(row[column]))
    except (OSError, ValueError, KeyError, StopIteration, TypeError) as error:
        rule = "FILE:COLUMN of a CSV or JSON Lines file with a column 'source'"
        raise SettingError("speakers", speakers, rule) from error
    if not places:
        raise SettingError("speakers", speakers, "FILE:COLUMN of a manifest with rows")
    return places


def _rows(text: str, *, is_csv: bool) -> Iterator[Mapping[str, Any]]:
    if is_csv:
        yield from csv.DictReader(text.splitlines())
    else:
        yield from (json.loads(line) for line in text.splitlines() if line.strip())
