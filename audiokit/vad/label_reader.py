"""Segments from label files that somebody else may have written."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from audiokit.errors import FormatError, SettingError
from audiokit.vad.formats import parse_segments
from audiokit.vad.segments import Segment

__all__ = ["LABEL_SUFFIXES", "read_labels", "recordings_named"]

LABEL_SUFFIXES = ("rttm", "csv", "json")
"""How the names of label files end that can be read."""


def read_labels(text: str, *, kind: str, recording: str, source: str) -> list[Segment]:
    """Read the segments of one recording, in order of time.

    Args:
        text: The whole file.
        kind: ``rttm``, ``csv`` (columns ``start_s`` and ``end_s``, and ``label`` and ``source``
            where there are any), or ``json``, our own.
        recording: Whose segments, where the file tells recordings apart: its bare name.
        source: The file's name, for the message of an error.

    Raises:
        FormatError: The text is of another form, or a segment has no length.
    """
    if kind == "json":
        return parse_segments(text, source=source)
    read = _rttm if kind == "rttm" else _csv
    try:
        found = list(read(text, recording))
    except SettingError as error:
        problem = f"holds a segment whose {error.name} is {error.value}, expected {error.expected}"
        raise FormatError(source, problem, "Write it anew") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        rule = "SPEAKER lines of RTTM" if kind == "rttm" else "a CSV file with start_s and end_s"
        problem = f"holds what is no segment ({error}), expected {rule}"
        raise FormatError(source, problem, "Write it anew") from error
    return sorted(found, key=lambda segment: (segment.start_s, segment.end_s))


def recordings_named(text: str, *, kind: str) -> list[str]:
    """Return whose segments a label file holds, as far as it tells recordings apart, sorted.

    Args:
        text: The whole file, which `read_labels` takes.
        kind: As there; ``json`` names none.
    """
    if kind == "json":
        return []
    if kind == "csv":
        return sorted({row["source"] for row in _rows(text) if row.get("source")})
    lines = [line.split() for line in text.splitlines()]
    return sorted({fields[1] for fields in lines if fields and fields[0] == "SPEAKER"})


def _rttm(text: str, recording: str) -> Iterator[Segment]:
    """NIST RT-09 evaluation plan, appendix A: type, file, channel, onset, duration, …, name."""
    for line in text.splitlines():
        fields = line.split()
        if not fields or fields[0] != "SPEAKER" or fields[1] != recording:
            continue
        start_s = float(fields[3])
        yield Segment(start_s, start_s + float(fields[4]), label=fields[7])


def _csv(text: str, recording: str) -> Iterator[Segment]:
    for row in _rows(text):
        named = row.get("source")
        if named and named != recording:
            continue
        label = row.get("label")
        times = float(row["start_s"]), float(row["end_s"])
        yield Segment(*times, label=label) if label else Segment(*times)


def _rows(text: str) -> Iterator[dict[str, str]]:
    yield from csv.DictReader(text.splitlines())
