"""From labels of frames to labelled segments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audiokit.vad.segments import Segment

__all__ = [
    "OVERLAP_LABEL",
    "covered_frames",
    "cut_out",
    "in_order",
    "runs",
    "second_voices",
    "turns",
]

OVERLAP_LABEL = "overlap"

Flags = NDArray[np.bool_]
Labels = NDArray[np.intp]

# The second voice is one of those who speak so many frames around.
_NEAR = 150
_LEAST_S = 0.02


def covered_frames(speech: Iterable[Segment], n_frames: int, *, hop_s: float) -> Flags:
    """Return which frames lie in speech, ``(frames,)``."""
    covered = np.zeros(n_frames, bool)
    for piece in speech:
        covered[round(piece.start_s / hop_s) : round(piece.end_s / hop_s)] = True
    return covered


def turns(
    labels: Labels, sureness: NDArray[np.float64], speech: Iterable[Segment], *, hop_s: float
) -> list[Segment]:
    """Return speech, cut where the speaker changes.

    Args:
        labels: Number of the speaker of each frame, ``(frames,)``.
        sureness: How sure that is, 0 to 1, ``(frames,)``.
        speech: Segments in order of time.
        hop_s: From frame to frame.
    """
    changes = np.flatnonzero(np.diff(labels)) + 1
    segments = []
    for piece in speech:
        first = min(round(piece.start_s / hop_s), len(labels) - 1)
        last = max(first + 1, min(round(piece.end_s / hop_s), len(labels)))
        inside = changes[(changes > first) & (changes < last)]
        times = [piece.start_s, *(float(change * hop_s) for change in inside), piece.end_s]
        for (start_s, end_s), (at, end) in zip(
            pairwise(times), pairwise([first, *inside, last]), strict=True
        ):
            confidence = round(float(sureness[at:end].mean()), 3)
            name = f"speaker_{labels[at] + 1}"
            segments.append(replace(
                piece, start_s=start_s, end_s=end_s, label=name, confidence=confidence
            ))  # fmt: skip
    return segments


def runs(flags: Flags, *, hop_s: float) -> list[Segment]:
    """Return where flags are true, as segments labelled ``overlap``."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return [
        Segment(float(first * hop_s), float(last * hop_s), OVERLAP_LABEL)
        for first, last in edges.reshape(-1, 2)
    ]


def second_voices(overlaps: Iterable[Segment], labels: Labels, *, hop_s: float) -> list[Segment]:
    """Return who else speaks in overlaps: who speaks most around them, but not in them.

    Args:
        overlaps: Segments of `runs`.
        labels: Number of the speaker of each frame, ``(frames,)``.
        hop_s: From frame to frame.

    Returns:
        Segments of the same times; those around which nobody else speaks stay ``overlap``.
    """
    named = []
    for overlap in overlaps:
        first, last = round(overlap.start_s / hop_s), round(overlap.end_s / hop_s)
        inside = np.bincount(labels[first:last], minlength=int(labels.max()) + 1)
        around = np.bincount(
            labels[max(0, first - _NEAR) : last + _NEAR], minlength=len(inside)
        ) * (inside == 0)
        name = f"speaker_{around.argmax() + 1}" if around.max() > 0 else OVERLAP_LABEL
        named.append(replace(overlap, label=name))
    return named


def cut_out(segments: Iterable[Segment], holes: Iterable[Segment]) -> list[Segment]:
    """Return segments without the times of others; what is left under 20 ms goes as well."""
    left = list(segments)
    for hole in holes:
        parts: list[Segment] = []
        for segment in left:
            ends = (
                (segment.start_s, min(segment.end_s, hole.start_s)),
                (max(segment.start_s, hole.end_s), segment.end_s),
            )
            if segment.end_s <= hole.start_s or segment.start_s >= hole.end_s:
                parts.append(segment)
            else:
                parts += [
                    replace(segment, start_s=start_s, end_s=end_s)
                    for start_s, end_s in ends
                    if end_s - start_s >= _LEAST_S
                ]
        left = parts
    return left


def in_order(segments: Iterable[Segment]) -> list[Segment]:
    """Return segments in order of time, speakers numbered in the order they first speak in."""
    ordered = sorted(segments, key=lambda segment: (segment.start_s, segment.end_s))
    names: dict[str, str] = {OVERLAP_LABEL: OVERLAP_LABEL}
    for segment in ordered:
        names.setdefault(segment.label, f"speaker_{len(names)}")
    return [replace(segment, label=names[segment.label]) for segment in ordered]
