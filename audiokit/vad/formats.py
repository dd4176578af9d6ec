"""Segments as text, in the formats that people already open, and back from our own.

json      audiokit.segments/1: what `parse_segments` reads
csv       start_s, end_s, label, confidence
rttm      NIST rich transcription: the label is the speaker
audacity  Audacity's label track, also under its suffix, txt
textgrid  Praat, one interval tier, long form; overlapping segments need another kind
srt       SubRip subtitles, the label as text
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence

from audiokit.errors import FormatError, SettingError
from audiokit.vad.segments import Segment

__all__ = ["SEGMENT_KINDS", "format_segments", "parse_segments"]

_SCHEMA = "audiokit.segments/1"


def format_segments(segments: Sequence[Segment], *, kind: str, uri: str, duration_s: float) -> str:
    """Write a list of segments as the text of a label file.

    Args:
        segments: In order of time.
        kind: One of `SEGMENT_KINDS`.
        uri: Name of the recording, which some formats carry.
        duration_s: Length of the recording, which some formats carry.

    Returns:
        The whole text, ending in a newline unless it is empty.

    Raises:
        SettingError: An unknown kind, or a TextGrid of overlapping segments.
    """
    if kind not in _WRITERS:
        raise SettingError("kind", kind, ", ".join(_WRITERS))
    return _WRITERS[kind](segments, uri, duration_s)


def parse_segments(text: str, *, source: str = "segments") -> list[Segment]:
    """Read back what `format_segments` wrote as ``json``.

    Args:
        text: The whole file.
        source: Its name, for the message of an error.

    Raises:
        FormatError: The text is no JSON, or of another schema.
    """
    try:
        document = json.loads(text)
        is_ours = document["schema"] == _SCHEMA
        segments = [Segment(**row) for row in document["segments"]]
    except (ValueError, KeyError, TypeError) as error:
        raise _foreign(source) from error
    if not is_ours:
        raise _foreign(source)
    return segments


def _foreign(source: str) -> FormatError:
    return FormatError(source, f"is no list of segments, expected {_SCHEMA} JSON", "Write it anew")


def _json(segments: Sequence[Segment], uri: str, duration_s: float) -> str:
    document = {
        "schema": _SCHEMA,
        "source": uri,
        "duration_s": duration_s,
        "segments": [
            {
                "start_s": segment.start_s,
                "end_s": segment.end_s,
                "label": segment.label,
                "confidence": segment.confidence,
            }
            for segment in segments
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _csv(segments: Sequence[Segment], _uri: str, _duration_s: float) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["start_s", "end_s", "label", "confidence"])
    # csv writes None as an empty cell.
    writer.writerows([s.start_s, s.end_s, s.label, s.confidence] for s in segments)
    return text.getvalue()


def _rttm(segments: Sequence[Segment], uri: str, _duration_s: float) -> str:
    # Fields are separated by spaces, so none may hold one.
    def line(segment: Segment) -> str:
        confidence = "<NA>" if segment.confidence is None else f"{segment.confidence:.3f}"
        return (
            f"SPEAKER {_word(uri)} 1 {segment.start_s:.3f} {segment.duration_s:.3f} "
            f"<NA> <NA> {_word(segment.label)} {confidence} <NA>\n"
        )

    return "".join(map(line, segments))


def _audacity(segments: Sequence[Segment], _uri: str, _duration_s: float) -> str:
    return "".join(f"{s.start_s:.6f}\t{s.end_s:.6f}\t{_line(s.label)}\n" for s in segments)


def _srt(segments: Sequence[Segment], _uri: str, _duration_s: float) -> str:
    return "\n".join(
        f"{number}\n{_srt_time(s.start_s)} --> {_srt_time(s.end_s)}\n{_line(s.label)}\n"
        for number, s in enumerate(segments, 1)
    )


def _textgrid(segments: Sequence[Segment], _uri: str, duration_s: float) -> str:
    intervals = _without_gaps(segments, duration_s)
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {duration_s!r}",
        "tiers? <exists>",
        "size = 1",
        "item []:",
        "    item [1]:",
        '        class = "IntervalTier"',
        '        name = "segments"',
        "        xmin = 0",
        f"        xmax = {duration_s!r}",
        f"        intervals: size = {len(intervals)}",
    ]
    for number, (start_s, end_s, label) in enumerate(intervals, 1):
        quoted = label.replace('"', '""')
        lines += [
            f"        intervals [{number}]:",
            f"            xmin = {start_s!r}",
            f"            xmax = {end_s!r}",
            f'            text = "{quoted}"',
        ]
    return "\n".join(lines) + "\n"


def _without_gaps(
    segments: Sequence[Segment], duration_s: float
) -> list[tuple[float, float, str]]:
    """A TextGrid tier covers the whole time: pauses are intervals without text."""
    intervals: list[tuple[float, float, str]] = []
    reached_s = 0.0
    for segment in segments:
        if segment.start_s < reached_s:
            raise SettingError(
                "segments", segment, f"a start at {reached_s} s or later", "Use --format rttm."
            )
        if segment.start_s > reached_s:
            intervals.append((reached_s, segment.start_s, ""))
        intervals.append((segment.start_s, segment.end_s, segment.label))
        reached_s = segment.end_s
    if reached_s < duration_s:
        intervals.append((reached_s, duration_s, ""))
    return intervals


def _srt_time(time_s: float) -> str:
    total_ms = round(time_s * 1000.0)
    minutes, ms = divmod(total_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{ms // 1000:02d},{ms % 1000:03d}"


def _word(text: str) -> str:
    return "_".join(text.split()) or "<NA>"


def _line(text: str) -> str:
    return " ".join(text.split())


_Writer = Callable[[Sequence[Segment], str, float], str]
_WRITERS: Mapping[str, _Writer] = {
    "json": _json,
    "csv": _csv,
    "rttm": _rttm,
    "audacity": _audacity,
    "txt": _audacity,
    "textgrid": _textgrid,
    "srt": _srt,
}
SEGMENT_KINDS = tuple(_WRITERS)
"""Every kind that `format_segments` writes; all but ``audacity`` are also suffixes."""
