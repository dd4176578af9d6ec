"""Where phrases and utterances end: by pauses, by how melody begins anew, by long last syllables.

A phrase ends where somebody pauses, or where a short pause comes together with what speakers do
at an end: they draw the last syllable out and begin the next phrase higher. An utterance, about a
sentence, ends where these are strong. What is said plays no part, so commas and full stops of a
text may lie elsewhere.

References:
    J. Pierrehumbert, "The phonology and phonetics of English intonation", PhD thesis, MIT 1980
    (resets of pitch).
    C. W. Wightman et al., "Segmental durations in the vicinity of prosodic phrase boundaries",
    J. Acoust. Soc. Am. 91 (1992): the last syllable.
    E. Shriberg et al., "Prosody-based automatic segmentation of speech into sentences and
    topics", Speech Communication 32 (2000): pauses weigh most.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.vad.scorer import FRAMES_PER_SECOND
from audiokit.vad.segments import Segment

__all__ = ["Boundary", "LevelName", "boundaries", "group_phrases"]

LevelName = Literal["phrase", "utterance"]

# A pause of so long is the end of an utterance by itself, of a phrase already at a third.
_FULL_PAUSE_S = 0.6
# A rise from the end of one phrase to the start of the next that counts in full.
_FULL_RESET_SEMITONES = 6.0
# So many times as long as the syllables before counts in full.
_FULL_LENGTHENING = 2.0
_RESET_WEIGHT, _LENGTHENING_WEIGHT = 0.35, 0.25
_STRENGTHS = {"phrase": 0.33, "utterance": 1.0}
# Where melody is looked for, before an end and after a start.
_REACH_FRAMES = 40
_FEWEST_VOICED = 4
# Voices are syllables where they last; a dip of so much in level parts two.
_SHORTEST_SYLLABLE, _SYLLABLE_DIP_DB = 4, 3.0


@dataclass(frozen=True, slots=True)
class Boundary:
    """What parts two neighbouring pieces of speech.

    Args:
        pause_s: How long nobody speaks.
        reset_semitones: How much higher the melody begins than it ended; None where one of
            the two has none.
        lengthening: How many times as long as usual the last syllable is; None if unknown.
        strength: All in one: an utterance ends at 1 and more.
    """

    pause_s: float
    reset_semitones: float | None
    lengthening: float | None
    strength: float


def group_phrases(
    speech: Sequence[Segment], prosody: NDArray[np.float32], *, level: LevelName
) -> list[Segment]:
    """Join pieces of speech into phrases or utterances.

    Args:
        speech: Pieces found with short pauses, 100 ms or so, in order of time, of one talker.
        prosody: Pitch and level of each frame (`ProsodyTrack`), ``(frames, 2)``.
        level: What a segment shall be.

    Returns:
        Segments labelled with their level.

    Raises:
        SettingError: There is no such level.
    """
    if level not in _STRENGTHS:
        raise SettingError("level", level, " or ".join(_STRENGTHS))
    groups: list[list[Segment]] = []
    between = [None, *boundaries(speech, prosody)]
    for segment, boundary in zip(speech, between[: len(speech)], strict=True):
        if boundary is None or boundary.strength >= _STRENGTHS[level]:
            groups.append([])
        groups[-1].append(segment)
    return [_joined(group, level) for group in groups]


def boundaries(speech: Sequence[Segment], prosody: NDArray[np.float32]) -> list[Boundary]:
    """Return what parts each piece of speech from the next: one fewer than pieces.

    Args:
        speech: In order of time, without overlap.
        prosody: See `group_phrases`.
    """
    usual = _usual_syllable(speech, prosody)
    return [_boundary(before, after, prosody, usual) for before, after in pairwise(speech)]


def _boundary(
    before: Segment, after: Segment, prosody: NDArray[np.float32], usual: float | None
) -> Boundary:
    pause_s = max(0.0, after.start_s - before.end_s)
    reset = _reset_semitones(_pitch(before, prosody), _pitch(after, prosody))
    last = next(_syllables(before, prosody, backwards=True), None)
    lengthening = last / usual if last and usual else None
    strength = pause_s / _FULL_PAUSE_S
    if reset is not None:
        strength += _RESET_WEIGHT * min(max(reset / _FULL_RESET_SEMITONES, 0.0), 1.0)
    if lengthening is not None:
        share = (lengthening - 1.0) / (_FULL_LENGTHENING - 1.0)
        strength += _LENGTHENING_WEIGHT * min(max(share, 0.0), 1.0)
    return Boundary(pause_s, reset, lengthening, strength)


def _reset_semitones(
    before_hz: NDArray[np.float32], after_hz: NDArray[np.float32]
) -> float | None:
    ending, beginning = before_hz[-_REACH_FRAMES:], after_hz[:_REACH_FRAMES]
    ending, beginning = ending[ending > 0.0], beginning[beginning > 0.0]
    if min(len(ending), len(beginning)) < _FEWEST_VOICED:
        return None
    # Of the last ten voiced frames and the first ten: the ends of a melody, not its middle.
    ratio = float(np.median(beginning[:10])) / float(np.median(ending[-10:]))
    return 12.0 * math.log2(ratio)


def _pitch(segment: Segment, prosody: NDArray[np.float32]) -> NDArray[np.float32]:
    return _frames(segment, prosody)[:, 0]


def _frames(segment: Segment, prosody: NDArray[np.float32]) -> NDArray[np.float32]:
    first = round(segment.start_s * FRAMES_PER_SECOND)
    return prosody[first : round(segment.end_s * FRAMES_PER_SECOND)]


def _usual_syllable(speech: Sequence[Segment], prosody: NDArray[np.float32]) -> float | None:
    """Return how long this talker's syllables mostly are, in frames; None if none was heard."""
    lengths = [length for segment in speech for length in _syllables(segment, prosody)]
    return float(np.median(lengths)) if lengths else None


def _syllables(
    segment: Segment, prosody: NDArray[np.float32], *, backwards: bool = False
) -> Iterator[int]:
    """Yield the lengths of what is voiced without a dip in level, in frames."""
    frames = _frames(segment, prosody)
    is_voiced = np.concatenate([[False], frames[:, 0] > 0.0, [False]])
    edges = np.flatnonzero(np.diff(is_voiced))
    runs = list(zip(edges[::2], edges[1::2], strict=True))
    for first, last in reversed(runs) if backwards else runs:
        parts = [first, *(first + dip for dip in _dips(frames[first:last, 1])), last]
        lengths = [int(b - a) for a, b in pairwise(parts)]
        for length in reversed(lengths) if backwards else lengths:
            if length >= _SHORTEST_SYLLABLE:
                yield length


def _dips(level_db: NDArray[np.float32]) -> list[int]:
    """Return where the level falls and rises again, by as much as between two syllables."""
    dips: list[int] = []
    crest = trough = float(level_db[0])
    at = 0
    for position, level in enumerate(level_db.tolist()):
        if level < trough:
            trough, at = level, position
        rises = level - trough >= _SYLLABLE_DIP_DB
        if rises and crest - trough >= _SYLLABLE_DIP_DB:
            dips.append(at)
            crest = trough = level
        elif level > crest:
            crest = trough = level
    return dips


def _joined(group: Sequence[Segment], level: LevelName) -> Segment:
    known = [s for s in group if s.confidence is not None]
    confidence = None
    if len(known) == len(group):
        weighted = sum((s.confidence or 0.0) * s.duration_s for s in group)
        confidence = weighted / sum(s.duration_s for s in group)
    return Segment(group[0].start_s, group[-1].end_s, level, confidence, group[0].channel)
