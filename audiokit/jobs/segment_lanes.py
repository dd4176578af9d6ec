"""Segments sorted for the eye: a lane and a colour for each label and channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.jobs.envelope import Envelope
from audiokit.vad.captions import readable_label
from audiokit.vad.segments import Segment, total_s

__all__ = ["Lane", "Wave", "highest_of", "lanes_of", "summary_of", "waves_of"]

# Okabe and Ito's, which the colour-blind tell apart, in an order that starts with contrast;
# the yellow, which fades on white, is left out.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195")
# More waves than this have no room above each other.
_MOST_WAVES = 4


@dataclass(frozen=True, slots=True)
class Lane:
    """The segments of one label and channel.

    Args:
        name: What to call it.
        colour: As ``#rrggbb``.
        channel: Counted from 0; None for all together.
        segments: With their numbers in the list they came from, counted from 0.
    """

    name: str
    colour: str
    channel: int | None
    segments: tuple[tuple[int, Segment], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Wave:
    """The outline of one channel, or of all together.

    Args:
        channel: Which, counted from 0; None for all together.
        lows: Lowest sample of each column, ``(columns,)``.
        highs: Highest sample of each column, ``(columns,)``.
    """

    channel: int | None
    lows: NDArray[np.float32]
    highs: NDArray[np.float32]

    def shows(self, lane: Lane) -> bool:
        """Return whether a lane's segments were found in it."""
        return self.channel is None or lane.channel in {self.channel, None}


def lanes_of(segments: Sequence[Segment]) -> list[Lane]:
    """Return the lanes, those of one channel together, else in the order of first appearance.

    A label has one colour in every channel; where there is one label only, a channel has.

    Args:
        segments: In any order.
    """
    members: dict[tuple[int | None, str], list[tuple[int, Segment]]] = {}
    for number, segment in enumerate(segments):
        members.setdefault((segment.channel, segment.label), []).append((number, segment))
    labels = list(dict.fromkeys(label for _, label in members))
    keys = sorted(members, key=lambda key: -1 if key[0] is None else key[0])
    lanes = []
    for place, key in enumerate(keys):
        channel, label = key
        colour = labels.index(label) if len(labels) > 1 else place
        name = readable_label(members[key][0][1])
        shade = _COLOURS[colour % len(_COLOURS)]
        lanes.append(Lane(name, shade, channel, tuple(members[key])))
    return lanes


def waves_of(envelope: Envelope, lanes: Sequence[Lane]) -> list[Wave]:
    """Return what to draw: a wave for each channel where segments have one, else one for all.

    Args:
        envelope: Of the whole recording.
        lanes: What was found in it.
    """
    lows, highs = envelope.columns()
    n_channels = envelope.fmt.channels
    by_channel = any(lane.channel is not None for lane in lanes)
    if by_channel and n_channels <= _MOST_WAVES:
        return [Wave(c, lows[:, c], highs[:, c]) for c in range(n_channels)]
    return [Wave(None, lows.min(axis=1), highs.max(axis=1))]


def highest_of(probabilities: NDArray[np.float32], n_columns: int) -> NDArray[np.float32]:
    """Return probabilities as a picture shows them, the highest of each column.

    Args:
        probabilities: ``(frames,)``.
        n_columns: Most that come out; fewer frames stay as they are.

    Returns:
        ``(columns,)``; all columns but the last hold as many frames.
    """
    width = -(-len(probabilities) // n_columns)
    if width <= 1:
        return probabilities
    padded = np.zeros(-(-len(probabilities) // width) * width, np.float32)
    padded[: len(probabilities)] = probabilities
    highest: NDArray[np.float32] = padded.reshape(-1, width).max(axis=1)
    return highest


def summary_of(segments: Sequence[Segment], duration_s: float) -> str:
    """Return in words how much was found; speech of two at once counts once."""
    if not segments:
        return "no speech was found"
    plain = [Segment(s.start_s, s.end_s) for s in segments]
    found_s = total_s(plain)
    share = round(100.0 * min(1.0, found_s / duration_s)) if duration_s else 0
    noun = "segment" if len(segments) == 1 else "segments"
    return f"{len(segments)} {noun}, {found_s:.1f} s of {duration_s:.1f} s ({share} %)"
