"""Segments as text, in the formats that people already open, and back from our own.

json      audiokit.segments/1: what `parse_segments` reads
csv       start_s, end_s, label, confidence, channel
rttm      NIST rich transcription: the label is the speaker
audacity  Audacity's label track, also under its suffix, txt
textgrid  Praat, long form: see `audiokit.vad.textgrid`
srt, vtt  subtitles: see `audiokit.vad.captions`
kaldi     Kaldi's ``segments``
lhotse    lhotse's supervisions as JSON Lines, also under its suffix, jsonl

A channel counts from 0 in json, csv, kaldi and lhotse, as it does in `Segment`; from 1 in RTTM,
whose field does, and in what people read.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from audiokit.errors import FormatError, SettingError
from audiokit.vad.captions import readable_label, srt_text, vtt_text
from audiokit.vad.segments import Segment
from audiokit.vad.textgrid import textgrid_text

__all__ = ["SEGMENT_KINDS", "format_segments", "parse_segments", "segment_rows"]

_SCHEMA = "audiokit.segments/1"
# What a segment is called that no one has named: no speaker of that name is claimed.
_UNNAMED = Segment(0.0, 1.0).label
_SHORTEST_S = 0.001


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
        SettingError: An unknown kind.
    """
    if kind not in _WRITERS:
        raise SettingError("kind", kind, ", ".join(_WRITERS))
    return _WRITERS[kind](segments, uri, duration_s)


def segment_rows(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    """Return each segment as plain values: ``start_s, end_s, label, confidence, channel``."""
    return [
        {
            "start_s": float(segment.start_s),
            "end_s": float(segment.end_s),
            "label": segment.label,
            "confidence": None if segment.confidence is None else float(segment.confidence),
            "channel": segment.channel,
        }
        for segment in segments
    ]


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
        "segments": segment_rows(segments),
    }
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _csv(segments: Sequence[Segment], _uri: str, _duration_s: float) -> str:
    text = io.StringIO()
    names = ["start_s", "end_s", "label", "confidence", "channel"]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    # csv writes None as an empty cell.
    writer.writerows(segment_rows(segments))
    return text.getvalue()


def _rttm(segments: Sequence[Segment], uri: str, _duration_s: float) -> str:
    """NIST RT-09 evaluation plan, appendix A: type, file, channel, onset, duration, and so on."""

    # Fields are separated by spaces, so none may hold one.
    def line(segment: Segment) -> str:
        start_s, end_s = _in_milliseconds(segment)
        confidence = "<NA>" if segment.confidence is None else f"{segment.confidence:.3f}"
        channel = 1 if segment.channel is None else segment.channel + 1
        return (
            f"SPEAKER {_word(uri)} {channel} {start_s:.3f} {end_s - start_s:.3f} "
            f"<NA> <NA> {_word(segment.label)} {confidence} <NA>\n"
        )

    return "".join(map(line, segments))


def _audacity(segments: Sequence[Segment], _uri: str, _duration_s: float) -> str:
    return "".join(f"{s.start_s:.6f}\t{s.end_s:.6f}\t{readable_label(s)}\n" for s in segments)


def _kaldi(segments: Sequence[Segment], uri: str, _duration_s: float) -> str:
    """Utterance, recording, start and end in s, and the channel where there is one.

    Kaldi wants lines in the order of their bytes, and the speaker first in an utterance's name.
    Who is ``speaker_1`` differs from recording to recording, so its name goes before.

    References:
        Kaldi, "Data preparation", file ``segments``; ``extract-segments`` for the channel.
    """
    recording = _word(uri)
    lines = []
    for segment, utterance in zip(segments, _utterances(segments, recording), strict=True):
        start_s, end_s = _in_milliseconds(segment)
        channel = "" if segment.channel is None else f" {segment.channel}"
        lines.append(f"{utterance} {recording} {start_s:.3f} {end_s:.3f}{channel}\n")
    return "".join(
        sorted(lines, key=lambda text: text.split(" ", 1)[0].encode("utf-8", "replace"))
    )


def _lhotse(segments: Sequence[Segment], uri: str, _duration_s: float) -> str:
    """One ``SupervisionSegment`` a line; a speaker only where the label names one.

    References:
        lhotse 1.33, ``lhotse.supervision.SupervisionSegment``.
    """
    recording = _word(uri)
    lines = []
    for segment, utterance in zip(segments, _utterances(segments, recording), strict=True):
        start_s, end_s = _in_milliseconds(segment)
        row: dict[str, Any] = {
            "id": utterance,
            "recording_id": recording,
            "start": start_s,
            "duration": round(end_s - start_s, 3),
            "channel": segment.channel or 0,
        }
        if segment.label != _UNNAMED:
            row["speaker"] = segment.label
        if segment.confidence is not None:
            row["custom"] = {"confidence": float(segment.confidence)}
        lines.append(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
    return "".join(lines)


def _utterances(segments: Sequence[Segment], recording: str) -> list[str]:
    """Return a name for each segment: recording, channel, speaker, times in ms; none twice."""
    names: list[str] = []
    seen: Counter[str] = Counter()
    for segment in segments:
        start_ms, end_ms = (round(time_s * 1000.0) for time_s in _in_milliseconds(segment))
        channel = [] if segment.channel is None else [f"ch{segment.channel}"]
        label = [] if segment.label == _UNNAMED else [_word(segment.label)]
        name = "-".join([recording, *channel, *label, f"{start_ms:09d}", f"{end_ms:09d}"])
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return names


def _in_milliseconds(segment: Segment) -> tuple[float, float]:
    """Return start and end in s, rounded apart, so that what touches still does."""
    start_s, end_s = round(float(segment.start_s), 3), round(float(segment.end_s), 3)
    return start_s, max(end_s, start_s + _SHORTEST_S)


def _word(text: str) -> str:
    return "_".join(text.split()) or "<NA>"


_Writer = Callable[[Sequence[Segment], str, float], str]
_WRITERS: Mapping[str, _Writer] = {
    "json": _json,
    "csv": _csv,
    "rttm": _rttm,
    "textgrid": lambda segments, _uri, duration_s: textgrid_text(segments, duration_s),
    "srt": lambda segments, _uri, _duration_s: srt_text(segments),
    "vtt": lambda segments, _uri, _duration_s: vtt_text(segments),
    "audacity": _audacity,
    "txt": _audacity,
    "kaldi": _kaldi,
    "lhotse": _lhotse,
    "jsonl": _lhotse,
}
SEGMENT_KINDS = tuple(_WRITERS)
"""Every kind that `format_segments` writes; all but ``audacity`` and ``lhotse`` are suffixes."""
