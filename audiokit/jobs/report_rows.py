"""The rows of a run, brought together for a page: recordings, what failed, what is missing."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from audiokit.files.find import Source
from audiokit.jobs.report_columns import column_of, reason_of
from audiokit.jobs.report_dataset import Dataset, Made, StageFact, stage_facts

__all__ = ["Gathered", "Recording", "gather"]

Row = Mapping[str, Any]
_SCORE = "score_"
# "noise: -18", with a hyphen or a minus sign.
_WORST = re.compile("(.+?): *[-\N{MINUS SIGN}] *([0-9.]+)")
# What a run says of itself, or of every recording alike.
_LEFT_OUT = {"source", "status", "error", "error_type", "hash", "recipe", "settings"}
_LEFT_OUT |= {"audiokit_version", "score_worst"}
_ODD = {
    "dead_channels": "with a channel that is dead.",
    "opposed_channels": "with channels in anti-phase: mixed, they cancel each other.",
    "lost_packets": "with marks of lost packets.",
    "dropouts": "with holes amid speech.",
}
_COMPARED = ("overall", "snr_db")


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording that could be heard.

    Args:
        name: For people; no two have the same path.
        path: As it was read.
        values: What was measured, by column: numbers, words, truths or None.
        before: The scores of its source, by column; empty where there are none.
        before_path: The source, where it is there.
    """

    name: str
    path: str
    values: Mapping[str, Any]
    before: Mapping[str, Any] = field(default_factory=dict)
    before_path: str | None = None

    @property
    def place(self) -> PurePosixPath:
        """Its place in the tree that it was found in."""
        return PurePosixPath(self.name)

    @property
    def overall(self) -> float | None:
        """The overall score; None where there is none."""
        return _number(self.values.get("overall"))


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that a page tells in words and numbers.

    Args:
        title: What the page is about.
        recordings: In the order of the sources.
        failures: Name and sentence of what could not be heard, or not be processed.
        remarks: What is missing or odd, a sentence each.
        stages: What each stage did, where a run of ``process`` made the recordings.
        is_processed: Whether one did.
    """

    title: str
    recordings: Sequence[Recording]
    failures: Sequence[tuple[str, str]]
    remarks: Sequence[str]
    stages: Sequence[StageFact] = ()
    is_processed: bool = False

    def worst(self, n_most: int) -> list[Recording]:
        """Return the recordings with the lowest overall scores, the lowest first."""
        scored = [item for item in self.recordings if item.overall is not None]
        return sorted(scored, key=lambda item: item.overall or 0.0)[:n_most]

    def befores(self, n_most: int) -> dict[str, str]:
        """Return the source of each of the worst that has one, by path."""
        return {item.path: item.before_path for item in self.worst(n_most) if item.before_path}

    def columns(self) -> list[str]:
        """Return the columns in which any recording has a value, in the order of the rows."""
        names = dict.fromkeys(name for item in self.recordings for name in item.values)
        return [
            name
            for name in names
            if any(item.values.get(name) not in (None, "") for item in self.recordings)
        ]

    def numbers(self, name: str) -> list[float]:
        """Return the numbers of a column."""
        values = (_number(item.values.get(name)) for item in self.recordings)
        return [value for value in values if value is not None]

    def pairs(self, name: str) -> list[tuple[float, float]]:
        """Return a column before and after, of the recordings that have both."""
        both = (
            (_number(item.before.get(name)), _number(item.values.get(name)))
            for item in self.recordings
        )
        return [(was, now) for was, now in both if was is not None and now is not None]


def gather(
    rows: Sequence[Row],
    found: Sequence[Source],
    title: str,
    *,
    dataset: Dataset | None = None,
    remark: str = "",
) -> Gathered:
    """Bring together what a run has told.

    Args:
        rows: One for each source, in any order, as ``audiokit score`` prints them.
        found: The sources, in order.
        title: What the page is about.
        dataset: What a run of ``process`` had left, if it was one's folder.
        remark: What is to be said beside what the rows tell.
    """
    by_path = {row["source"]: row for row in rows}
    if dataset is not None:
        return _gather_dataset(by_path, title, dataset, remark)
    recordings, failures = [], []
    for source in found:
        row = by_path.get(source.path)
        if row is None:
            continue
        name = str(source.relative)
        if row["status"] == "failed":
            failures.append((name, str(row["error"])))
        else:
            recordings.append(Recording(name, source.path, _values(row)))
    remarks = list(_remarks(recordings, len(found) - len(by_path)))
    return Gathered(title, recordings, failures, remarks)


def _gather_dataset(
    by_path: Mapping[str, Row], title: str, dataset: Dataset, remark: str
) -> Gathered:
    recordings = []
    failures = [(name, f"Not processed: {sentence}") for name, sentence in dataset.failures]
    changed = unread = measured = n_none = 0
    for made in dataset.made:
        row = by_path.get(made.path)
        if row is None:
            continue
        if row["status"] == "failed":
            failures.append((made.name, str(row["error"])))
            continue
        source = by_path.get(made.source) if made.is_source_here else None
        is_read = source is not None and source["status"] != "failed"
        unread += source is not None and not is_read
        before = _values(source) if source is not None and is_read else made.scores_before
        if source is not None and is_read:
            told, heard = made.row.get("hash"), source.get("hash")
            changed += told is not None and told != heard
        else:
            measured += bool(before)
            n_none += not before
        recordings.append(_pair(made, row, before, is_heard=is_read))
    remarks = [
        *_remarks(recordings, 0),
        *_source_remarks(dataset, changed=changed, unread=unread, measured=measured, none=n_none),
        *([remark] if remark and recordings else []),
    ]
    stages = stage_facts(dataset.made)
    return Gathered(title, recordings, failures, remarks, stages=stages, is_processed=True)


def _pair(made: Made, row: Row, before: Row, *, is_heard: bool) -> Recording:
    values = _values(row)
    for name in _COMPARED:
        was, now = _number(before.get(name)), _number(values.get(name))
        values[f"before_{name}"] = was
        values[f"change_{name}"] = None if was is None or now is None else round(now - was, 2)
    # A stage may call what it did as a score is called: what is heard goes first.
    values |= {n: v for n, v in made.facts.items() if _is_plain(v) and n not in values}
    return Recording(made.name, made.path, values, before, made.source if is_heard else None)


def _values(row: Row) -> dict[str, Any]:
    """Return the columns of a row by the names that people see, what costs most taken apart."""
    values: dict[str, Any] = {}
    for name, value in _flattened(row):
        if name not in _LEFT_OUT:
            own = name.removeprefix(_SCORE)
            # What the file says of itself, and what is heard in it, may go by one name.
            values[f"heard_{own}" if own != name and own in row else own] = value
    told = _WORST.fullmatch(str(row.get(f"{_SCORE}worst") or ""))
    values["component"] = told[1] if told else None
    values["cost"] = float(told[2]) if told else None
    return values


def _flattened(row: Row, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}_")
        elif isinstance(value, list | tuple):
            yield prefix + name, "; ".join(str(item) for item in value) or None
        else:
            yield prefix + name, value


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, int | float | str)


def _remarks(recordings: Sequence[Recording], n_left: int) -> Iterator[str]:
    if n_left:
        yield f"{_count(n_left, 'recording')} not heard: the run was stopped before."
    reasons = Counter(
        str(item.values.get("reason") or "no reason is told")
        for item in recordings
        if item.overall is None
    )
    if reasons:
        said = "; ".join(f"{reason} ({n})" for reason, n in sorted(reasons.items()))
        yield f"{_count(reasons.total(), 'recording')} without an overall score: {said}."
    for name in ("snr_db", "active_level_dbfs", "bandwidth_hz"):
        told = Counter(
            str(item.values.get(reason_of(name)) or "no reason is told")
            for item in recordings
            if item.overall is not None and item.values.get(name) is None
        )
        if told:
            said = "; ".join(f"{reason} ({n})" for reason, n in sorted(told.items()))
            counted = _count(told.total(), "recording")
            yield f"{column_of(name).title} does not apply to {counted} with a score: {said}."
    for name, sentence in _ODD.items():
        n_odd = sum(bool(_number(item.values.get(name))) for item in recordings)
        if n_odd:
            yield f"{_count(n_odd, 'recording')} {sentence}"
    n_processed = sum(item.values.get("processed") is True for item in recordings)
    if n_processed:
        yield (
            f"{_count(n_processed, 'recording')} recognised as processed: "
            "an estimate of the noise tells little there."
        )


def _source_remarks(
    dataset: Dataset, *, changed: int, unread: int, measured: int, none: int
) -> Iterator[str]:
    """Yield what is to be said of sources that are gone, changed, or cannot be heard."""
    if dataset.n_missing:
        yield f"{_count(dataset.n_missing, 'recording')} in the manifest but not in the folder."
    n_gone = sum(not made.is_source_here for made in dataset.made)
    if n_gone:
        yield (
            f"{_count(n_gone, 'source')} not where the manifest says, as seen from the current "
            "folder: no player and no picture of before."
        )
    if unread:
        yield f"{_count(unread, 'source')} can no longer be read."
    if measured:
        yield (
            f"Before, {_count(measured, 'recording')} scored by the run that processed it, "
            "brought to the working format; the others as they are now."
        )
    if none:
        yield f"{_count(none, 'recording')} with no score of before."
    if changed:
        yield f"{_count(changed, 'source')} changed since the run, and so is what was before."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
