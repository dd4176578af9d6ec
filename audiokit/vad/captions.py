"""Segments as subtitles: SubRip and WebVTT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audiokit.vad.segments import Segment

__all__ = ["readable_label", "srt_text", "vtt_text"]


def readable_label(segment: Segment) -> str:
    """Return a label on one line, with its channel, counted from 1, where there is one."""
    label = " ".join(segment.label.split())
    if segment.channel is None:
        return label
    return f"{label} (channel {segment.channel + 1})".lstrip()


def srt_text(segments: Sequence[Segment]) -> str:
    """Return SubRip subtitles, the label as text.

    Args:
        segments: In order of time; those that overlap are shown together.
    """
    return "\n".join(
        f"{number}\n{times.replace('.', ',')}\n{_without_arrow(readable_label(segment))}\n"
        for number, times, segment in _cues(segments)
    )


def vtt_text(segments: Sequence[Segment]) -> str:
    """Return WebVTT, the label as voice and as text.

    Args:
        segments: In order of time; those that overlap are shown together.

    References:
        W3C, WebVTT: The Web Video Text Tracks Format, 4.1 (syntax), 4.2.2 (voice spans).
    """
    cues = []
    for number, times, segment in _cues(segments):
        text = _escaped(readable_label(segment))
        voice = _escaped(" ".join(segment.label.split()))
        cues.append(f"\n{number}\n{times}\n{f'<v {voice}>{text}</v>' if voice else text}\n")
    return "WEBVTT\n" + "".join(cues)


def _cues(segments: Sequence[Segment]) -> Iterator[tuple[int, str, Segment]]:
    """Yield number and time line of each segment; no cue may be shorter than its clock."""
    for number, segment in enumerate(segments, 1):
        start_ms = round(segment.start_s * 1000.0)
        end_ms = max(start_ms + 1, round(segment.end_s * 1000.0))
        yield number, f"{_time(start_ms)} --> {_time(end_ms)}", segment


def _time(total_ms: int) -> str:
    minutes, ms = divmod(total_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{ms // 1000:02d}.{ms % 1000:03d}"


def _without_arrow(text: str) -> str:
    # The one thing that a text of SubRip may not hold.
    return text.replace("-->", "->")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
