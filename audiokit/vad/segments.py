"""A stretch of a recording, and what can be done with a list of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from audiokit.errors import SettingError

__all__ = ["Segment", "merge_segments", "pad_apart", "pad_segments", "total_s"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A labelled stretch ``[start_s, end_s)`` of a recording.

    Args:
        start_s: First instant, in seconds; 0 or more.
        end_s: First instant after it; greater than `start_s`.
        label: What it holds.
        confidence: 0 to 1, or None where nobody can say.
        channel: Which channel it was found in, counted from 0; None for all together.

    Raises:
        SettingError: A time or the confidence is out of range.
    """

    start_s: float
    end_s: float
    label: str = "speech"
    confidence: float | None = None
    channel: int | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.start_s < math.inf:
            raise SettingError("start_s", self.start_s, "0 s or more")
        if not self.start_s < self.end_s < math.inf:
            raise SettingError("end_s", self.end_s, f"more than start_s, {self.start_s} s")
        if self.confidence is not None and not 0.0 <= self.confidence <= 1.0:
            raise SettingError("confidence", self.confidence, "0 to 1")
        if self.channel is not None and self.channel < 0:
            raise SettingError("channel", self.channel, "0 or more")

    @property
    def duration_s(self) -> float:
        """How long it lasts."""
        return self.end_s - self.start_s


def merge_segments(segments: Iterable[Segment], *, max_gap_s: float = 0.0) -> list[Segment]:
    """Join neighbours of one label that overlap or are at most a gap apart.

    Args:
        segments: In any order.
        max_gap_s: Longest pause that is closed; 0 joins only what touches.

    Returns:
        In order of time. The confidence of a joined segment is its parts' mean, weighted
        by duration, or None if any part has none.
    """
    merged: list[Segment] = []
    last_of_label: dict[str, int] = {}
    for segment in sorted(segments, key=lambda item: (item.start_s, item.end_s)):
        at = last_of_label.get(segment.label)
        if at is not None and segment.start_s - merged[at].end_s <= max_gap_s:
            merged[at] = _joined(merged[at], segment)
        else:
            last_of_label[segment.label] = len(merged)
            merged.append(segment)
    return merged


def pad_segments(
    segments: Iterable[Segment], *, pad_s: float, duration_s: float = math.inf
) -> list[Segment]:
    """Widen each segment on both sides, within the recording, joining what then touches.

    Args:
        segments: In any order.
        pad_s: Time added before and after; 0 or more.
        duration_s: Length of the recording, which no segment leaves.

    Raises:
        SettingError: `pad_s` is negative.
    """
    if pad_s < 0.0:
        raise SettingError("pad_s", pad_s, "0 s or more")
    return merge_segments(
        replace(
            segment,
            start_s=max(0.0, segment.start_s - pad_s),
            end_s=min(duration_s, segment.end_s + pad_s),
        )
        for segment in segments
    )


def pad_apart(
    segments: Sequence[Segment], *, pad_s: float, duration_s: float = math.inf
) -> list[Segment]:
    """Widen each segment on both sides, but to the middle of a pause at most: none are joined.

    Args:
        segments: In order of time, without overlap.
        pad_s: Time added before and after; 0 or more.
        duration_s: Length of the recording, which no segment leaves.

    Raises:
        SettingError: `pad_s` is negative.
    """
    if pad_s < 0.0:
        raise SettingError("pad_s", pad_s, "0 s or more")
    middles = [(a.end_s + b.start_s) / 2.0 for a, b in pairwise(segments)]
    return [
        replace(
            segment,
            start_s=max(earliest, segment.start_s - pad_s),
            end_s=min(latest, segment.end_s + pad_s),
        )
        for earliest, segment, latest in zip(
            [0.0, *middles], segments, [*middles, duration_s], strict=False
        )
    ]


def total_s(segments: Iterable[Segment]) -> float:
    """Return the seconds that at least one of the segments covers."""
    plain = (replace(segment, label="", confidence=None) for segment in segments)
    return math.fsum(segment.duration_s for segment in merge_segments(plain))


def _joined(first: Segment, second: Segment) -> Segment:
    confidence = None
    if first.confidence is not None and second.confidence is not None:
        weighted = first.confidence * first.duration_s + second.confidence * second.duration_s
        confidence = weighted / (first.duration_s + second.duration_s)
    return replace(first, end_s=max(first.end_s, second.end_s), confidence=confidence)
