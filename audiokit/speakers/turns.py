"""From windows of voice to who speaks in every frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiokit.speakers.clustering import Sequence, follow_speakers, merge_voices
from audiokit.speakers.voice_windows import STEP, voice_model

__all__ = ["Speakers", "cut_turns", "find_speakers"]

Vectors = NDArray[np.float64]
Labels = NDArray[np.intp]

# Windows overlap sixfold, and what is said in them varies: so much of each is news.
_SCALE = 0.4
_MERGING_SCALES = (0.2, 0.4, 0.8)
_STAY = 0.95
# What one speaker more must add to the evidence, in nats.
_SPEAKER_COST = 15.0
# And in each window that is then the third's or a further one's: so much does a voice gain that
# is given two places for its two manners. See `audiokit.training.speaker_number`.
_WINDOW_COST = 2.0
# What telling speakers apart must add, in nats a window; the second where there is a single
# change and nobody comes back. That may be one talker who moved, or who spoke up.
_LEAST_GAIN, _LEAST_GAIN_ONCE = 1.5, 3.0
# Below none at all by so much, in nats, there is one speaker without a doubt.
_DOUBTFUL = 8.0
_FEWEST_WINDOWS = 8
_MOST_MERGED = 800
# A change of speaker is looked for so far around where windows tell it, in frames.
_REACH = 40
_QUIET = 10
_DB_PER_FRAME = 0.1


class Speakers(NamedTuple):
    """Who speaks in each window.

    Args:
        shares: Probability of each speaker in each window, ``(windows, speakers)``.
        doubt: Why speakers are not told apart, in a few words; empty where they are.
    """

    shares: Vectors
    doubt: str


def find_speakers(vectors: Vectors, *, speakers: int, max_speakers: int) -> Speakers:
    """Return who speaks in each window.

    Args:
        vectors: ``(windows, values)`` of `voice_windows`.
        speakers: How many; 0 where that is to be found out.
        max_speakers: Most that are looked for.
    """
    n_windows = len(vectors)
    together = Speakers(np.ones((n_windows, 1)), "")
    if speakers == 1 or (not speakers and max_speakers == 1):
        return together
    if n_windows < _FEWEST_WINDOWS:
        return together._replace(doubt="too little speech")
    # What is chosen among is heard in some of the windows only, where there are many.
    stride = -(-n_windows // _MOST_MERGED)
    some = vectors[::stride]
    alone = _followed(some, np.zeros(len(some), np.intp)).evidence
    numbers = range(speakers, speakers + 1) if speakers else range(2, max_speakers + 1)
    best, most = _best_account(some, numbers, window_cost=0.0 if speakers else _WINDOW_COST)
    if stride > 1:
        start = np.repeat(most.shares.argmax(axis=1), stride)[:n_windows]
        most = _followed(vectors, start)
    gain = best - alone
    doubt = _doubt(most.shares.argmax(axis=1), gain / len(some))
    if gain < -_DOUBTFUL:
        doubt = ""
    if speakers and gain < 0.0:
        doubt = "as many speakers as were named explain no more than one"
    if gain < 0.0 or (doubt and not speakers):
        return together._replace(doubt=doubt)
    return Speakers(most.shares, doubt)


def _doubt(labels: Labels, gain: float) -> str:
    """Return why these speakers may be one; empty where they are told apart.

    Args:
        labels: Speaker of each window, ``(windows,)``.
        gain: What telling them apart adds to the evidence, in nats a window.
    """
    if gain < _LEAST_GAIN:
        return "voices too alike to tell apart"
    if gain < _LEAST_GAIN_ONCE and np.count_nonzero(np.diff(labels)) == 1:
        return "nobody speaks twice, and one voice may have changed"
    return ""


def _best_account(
    vectors: Vectors, numbers: range, *, window_cost: float
) -> tuple[float, Sequence]:
    """Return the sequence with most evidence, less what its speakers cost, and how much.

    Merging with more or less trust in each window ends in different places, and so does what
    starts from there: the evidence tells which is best.
    """
    fewest = min(numbers.start, len(vectors))
    starts = [
        merge_voices(vectors, voice_model().spread, scale=scale, fewest=fewest)
        for scale in _MERGING_SCALES
    ]
    best, account = -np.inf, None
    for n_speakers in range(fewest, max(numbers.stop, fewest + 1)):
        tried: list[Labels] = []
        for found in starts:
            start = found.get(n_speakers)
            if start is None or any(np.array_equal(start, other) for other in tried):
                continue
            tried.append(start)
            sequence = _followed(vectors, start)
            sizes = np.sort(np.bincount(sequence.shares.argmax(axis=1)))[::-1]
            cost = (n_speakers - 1) * _SPEAKER_COST + float(sizes[2:].sum()) * window_cost
            if sequence.evidence - cost > best:
                best, account = sequence.evidence - cost, sequence
    assert account is not None, "merging passes through every number"  # noqa: S101
    return best, account


def _followed(vectors: Vectors, start: Labels) -> Sequence:
    return follow_speakers(vectors, voice_model().spread, start, scale=_SCALE, stay=_STAY)


def cut_turns(
    labels: Labels, starts: Labels, level_db: NDArray[np.float16], *, min_turn_frames: int
) -> Labels:
    """Return who speaks in every frame, -1 before the first window.

    A change lies at the quietest place near where the windows tell it: speakers breathe, and
    wait for each other. Turns that are too short go to the longer neighbour.

    Args:
        labels: Speaker of each window, ``(windows,)``.
        starts: First frame of each window's quarter second, ``(windows,)``.
        level_db: Of every frame, ``(frames,)``.
        min_turn_frames: Shortest turn.

    Returns:
        ``(frames,)``; in pauses, who spoke last.
    """
    quiet = _moving_mean(level_db.astype(np.float64), _QUIET)
    edges = np.flatnonzero(np.diff(labels)) + 1
    places = [0, *(_quietest(quiet, starts, int(edge)) for edge in edges), len(level_db)]
    owners = [int(labels[0]), *(int(label) for label in labels[edges])]
    turns = _absorbed(places, owners, min_turn_frames)
    speakers = np.empty(len(level_db), np.intp)
    for first, last, owner in turns:
        speakers[first:last] = owner
    return speakers


def _quietest(quiet: Vectors, starts: Labels, edge: int) -> int:
    """Return the frame at which the speaker of window `edge` takes over."""
    before, after = int(starts[edge - 1]) + STEP, int(starts[edge])
    first = max(before - _REACH, 0)
    last = min(after + _REACH, len(quiet))
    frames = np.arange(first, last)
    # Between the two windows, where there is a gap, all frames are equally near.
    distance = np.maximum(np.maximum(before - frames, frames - after), 0)
    return first + int(np.argmin(quiet[first:last] + _DB_PER_FRAME * distance))


def _absorbed(
    places: list[int], owners: list[int], min_turn_frames: int
) -> list[tuple[int, int, int]]:
    """Return turns ``(first, last, owner)`` without those that are too short."""
    turns = [
        (first, last, owner)
        for first, last, owner in zip(places[:-1], places[1:], owners, strict=True)
        if last > first
    ]
    while len(turns) > 1:
        lengths = [last - first for first, last, _ in turns]
        at = int(np.argmin(lengths))
        if lengths[at] >= min_turn_frames:
            break
        left = lengths[at - 1] if at else -1
        right = lengths[at + 1] if at + 1 < len(turns) else -1
        heir = at - 1 if left >= right else at + 1
        low, high = min(at, heir), max(at, heir)
        turns[low : high + 1] = [(turns[low][0], turns[high][1], turns[heir][2])]
        turns = _joined(turns)
    return _joined(turns)


def _joined(turns: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    joined: list[tuple[int, int, int]] = []
    for first, last, owner in turns:
        if joined and joined[-1][2] == owner:
            joined[-1] = (joined[-1][0], last, owner)
        else:
            joined.append((first, last, owner))
    return joined


def _moving_mean(values: Vectors, width: int) -> Vectors:
    """Return the mean of `width` values around each, the ends repeated."""
    padded = np.pad(values, (width // 2, width - width // 2 - 1), mode="edge")
    sums = np.cumsum(np.pad(padded, (1, 0)))
    mean: Vectors = (sums[width:] - sums[:-width]) / width
    return mean
