"""Segments as a TextGrid of Praat, in its long form.

A tier holds intervals that follow each other, so what overlaps needs tiers of its own: one for
each label of each channel where there are several, and another where one label overlaps itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audiokit.vad.captions import readable_label
from audiokit.vad.segments import Segment

__all__ = ["textgrid_text"]

_ONLY_TIER = "segments"


def textgrid_text(segments: Sequence[Segment], duration_s: float) -> str:
    """Return a TextGrid.

    Args:
        segments: In any order. Where all have one label and channel and none overlap, the
            only tier is called ``segments``; otherwise a tier is called like its label.
        duration_s: Length of the recording; longer where a segment is.

    References:
        Praat manual, "TextGrid file formats".
    """
    tiers = _tiers(segments)
    end_s = max([_plain(duration_s), *(_plain(segment.end_s) for segment in segments)])
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {end_s!r}",
        "tiers? <exists>",
        f"size = {len(tiers)}",
        "item []:",
    ]
    for number, (name, members) in enumerate(tiers.items(), 1):
        lines += [f"    item [{number}]:", *_tier(name, members, end_s)]
    return "\n".join(lines) + "\n"


def _tiers(segments: Sequence[Segment]) -> dict[str, list[Segment]]:
    """Share segments out so that none overlaps another of its tier; return tiers by name."""
    ordered = sorted(segments, key=lambda segment: (segment.start_s, segment.end_s))
    n_names = len({(segment.channel, segment.label) for segment in ordered})
    tiers: dict[str, list[Segment]] = {}
    for segment in ordered:
        name = readable_label(segment) or _ONLY_TIER
        free, count = name, 1
        while free in tiers and tiers[free][-1].end_s > segment.start_s:
            count += 1
            free = f"{name} {count}"
        tiers.setdefault(free, []).append(segment)
    if n_names <= 1 and len(tiers) <= 1:
        return {_ONLY_TIER: ordered}
    # Alike names together, whoever came first.
    return dict(sorted(tiers.items(), key=lambda item: (item[1][0].channel or 0, item[0])))


def _tier(name: str, segments: Sequence[Segment], end_s: float) -> Iterator[str]:
    intervals = _without_gaps(segments, end_s)
    yield '        class = "IntervalTier"'
    yield f"        name = {_quoted(name)}"
    yield "        xmin = 0"
    yield f"        xmax = {end_s!r}"
    yield f"        intervals: size = {len(intervals)}"
    for number, (from_s, to_s, label) in enumerate(intervals, 1):
        yield f"        intervals [{number}]:"
        yield f"            xmin = {from_s!r}"
        yield f"            xmax = {to_s!r}"
        yield f"            text = {_quoted(label)}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _plain(time_s: float) -> float:
    """Return a time as it is written: to the microsecond, and no float of NumPy's."""
    return round(float(time_s), 6)


def _without_gaps(segments: Sequence[Segment], end_s: float) -> list[tuple[float, float, str]]:
    """A tier covers the whole time: pauses are intervals without text."""
    intervals: list[tuple[float, float, str]] = []
    reached_s = 0.0
    for segment in segments:
        start_s, stop_s = _plain(segment.start_s), _plain(segment.end_s)
        if stop_s <= reached_s:
            continue
        start_s = max(start_s, reached_s)
        if start_s > reached_s:
            intervals.append((reached_s, start_s, ""))
        intervals.append((start_s, stop_s, " ".join(segment.label.split())))
        reached_s = stop_s
    if reached_s < end_s:
        intervals.append((reached_s, end_s, ""))
    return intervals
