"""When somebody begins to speak, stops, and has finished: told while the stream goes on.

A machine: probabilities in, events out. It knows no clock, and tells with each event how much
of the stream had to be heard before it could be told.

    idle ── speech ──► maybe speech ── min_speech ──► speech ◄── speech ── maybe end
      ▲                    │                            └────── pause ──────►  │
      └───── hangover ─────┴───────────────────── hangover ────────────────────┘
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.ranges import check_range
from audiokit.vad.hysteresis import decide, lower_threshold
from audiokit.vad.scorer import FRAMES_PER_SECOND

__all__ = [
    "EndpointEvent",
    "EndpointMachine",
    "EndpointSettings",
    "SpeechEnded",
    "SpeechStarted",
    "UtteranceEnded",
    "frames_of",
]

_MAX_DURATION_MS = 60_000.0
_MAX_UTTERANCE_S = 3600.0


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """When speech has begun and ended, and what is one utterance.

    Raises:
        SettingError: A value is out of range.
    """

    threshold: float = 0.5
    """Probability at which speech begins, 0.01 to 0.99; lower finds more."""
    release: float = 0.03
    """How far below the threshold it must fall to end, 0 to 1; no more than by half of it."""
    min_speech_ms: float = 100.0
    """Shorter speech is not told, 0 to 60000 ms; so late is the start told."""
    hangover_ms: float = 200.0
    """Shorter pauses are bridged, 10 to 60000 ms; so late is the end told."""
    end_of_utterance_ms: float = 700.0
    """Silence that ends an utterance, `hangover_ms` to 60000 ms."""
    preroll_ms: float = 100.0
    """What a gate lets through before the start, 0 to 60000 ms; it is late by as much."""
    max_utterance_s: float = 30.0
    """Longer utterances are cut, 1 to 3600 s, and no less than `min_speech_ms` and
    `hangover_ms` together."""

    def __post_init__(self) -> None:
        check_range("threshold", self.threshold, 0.01, 0.99)
        check_range("release", self.release, 0.0, 1.0)
        check_range("min_speech_ms", self.min_speech_ms, 0.0, _MAX_DURATION_MS, unit="ms")
        check_range("hangover_ms", self.hangover_ms, 10.0, _MAX_DURATION_MS, unit="ms")
        least, name = self.hangover_ms, "end_of_utterance_ms"
        check_range(name, self.end_of_utterance_ms, least, _MAX_DURATION_MS, unit="ms")
        check_range("preroll_ms", self.preroll_ms, 0.0, _MAX_DURATION_MS, unit="ms")
        least = max(1.0, (self.min_speech_ms + self.hangover_ms) / 1000.0)
        check_range("max_utterance_s", self.max_utterance_s, least, _MAX_UTTERANCE_S, unit="s")


@dataclass(frozen=True, slots=True)
class _Told:
    """Something that could be told only later.

    Args:
        at_s: Where it happened.
        heard_s: How much of the stream was heard when it could be told.
    """

    at_s: float
    heard_s: float

    @property
    def latency_s(self) -> float:
        """How late it was told."""
        return self.heard_s - self.at_s


@dataclass(frozen=True, slots=True)
class SpeechStarted(_Told):
    """Somebody speaks, from `at_s` on."""


@dataclass(frozen=True, slots=True)
class SpeechEnded(_Told):
    """Nobody speaks any more since `at_s`, for as long as the hangover."""


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """Somebody has finished, as far as a pause can tell.

    Args:
        start_s: Where the first speech of the utterance began.
        at_s: Where its last speech ended.
        heard_s: How much of the stream was heard when that could be told.
        reason: ``pause``; ``length``, it was cut and goes on; ``end``, the stream's.
    """

    start_s: float
    at_s: float
    heard_s: float
    reason: str = "pause"

    @property
    def latency_s(self) -> float:
        """How late it was told."""
        return self.heard_s - self.at_s


EndpointEvent: TypeAlias = SpeechStarted | SpeechEnded | UtteranceEnded


class EndpointMachine:
    """Turn probabilities of speech into events, the same for any cutting of the stream.

    Starts and ends are those of `audiokit.vad.hysteresis.Hysteresis` with the same thresholds,
    `min_speech_ms` as its shortest run and `hangover_ms` as its shortest pause; an utterance
    is all such runs with pauses shorter than `end_of_utterance_ms` between them. So what is
    told live is what `segment` finds in the recording with these settings.

    Latency beyond `look_ahead_s`, to which the length of a frame (10 ms) belongs: a start is
    told `min_speech_ms` less one frame after it, and up to `hangover_ms` later where speech
    that short breaks off and begins again; an end `hangover_ms` less one frame after it; an
    utterance's end `end_of_utterance_ms` less one frame after it, and up to the sum of the
    other two later where a sound in that pause might have been speech.

    Args:
        settings: When speech has begun and ended.
        look_ahead_s: Of the scorer whose probabilities are pushed.

    Raises:
        SettingError: `look_ahead_s` is infinite: that scorer must hear all of a recording.
    """

    def __init__(
        self,
        settings: EndpointSettings | None = None,
        *,
        look_ahead_s: float = 1.0 / FRAMES_PER_SECOND,
    ) -> None:
        if not 0.0 <= look_ahead_s < math.inf:
            hint = "Take an engine that need not hear the whole recording."
            raise SettingError("look_ahead_s", look_ahead_s, "0 s or more, and finite", hint)
        self.settings = settings or EndpointSettings()
        self._look_ahead_s = look_ahead_s
        self._upper = np.float32(self.settings.threshold)
        self._lower = np.float32(lower_threshold(self.settings.threshold, self.settings.release))
        self._min_speech = max(1, frames_of(self.settings.min_speech_ms))
        self._hangover = max(1, frames_of(self.settings.hangover_ms))
        self._pause = max(self._hangover, frames_of(self.settings.end_of_utterance_ms))
        self._longest = round(self.settings.max_utterance_s * FRAMES_PER_SECOND)
        self.reset()

    def reset(self) -> None:
        """Forget the stream, as if newly built."""
        self._n_frames = 0
        self._is_above = False
        # The stretch of speech that is open: [start, end), end being that of its last speech.
        self._start = self._end = -1
        self._is_told = False
        # The utterance: where it began, and where the last stretch that was told ended.
        self._utterance_start = self._utterance_end = -1

    @property
    def state(self) -> str:
        """``idle``, ``maybe speech``, ``speech`` or ``maybe end``."""
        if self._start < 0:
            return "idle"
        if not self._is_told:
            return "maybe speech"
        return "speech" if self._end == self._n_frames else "maybe end"

    def push(self, probabilities: NDArray[np.float32]) -> list[EndpointEvent]:
        """Take the next frames, ``(frames,)``; return what they tell, in order."""
        events: list[EndpointEvent] = []
        for is_speech, first, last in self._runs(probabilities):
            events += self._hear_speech(first, last) if is_speech else self._hear_pause(last)
        return events

    def flush(self) -> list[EndpointEvent]:
        """End the stream; return the ends that are still to be told."""
        heard_s = self._n_frames / FRAMES_PER_SECOND
        events: list[EndpointEvent] = []
        if self._is_told:
            events.append(SpeechEnded(_seconds(self._end), heard_s))
            self._utterance_end = self._end
        if self._utterance_start >= 0:
            events.append(self._utterance(self._utterance_end, heard_s, "end"))
        self._start, self._is_told, self._utterance_start = -1, False, -1
        return events

    def _runs(self, probabilities: NDArray[np.float32]) -> list[tuple[bool, int, int]]:
        """Return stretches of frames that were decided alike, ``(is_speech, first, last)``."""
        decided = decide(probabilities, self._is_above, upper=self._upper, lower=self._lower)
        edges = [0, *(np.flatnonzero(np.diff(decided)) + 1).tolist(), len(decided)]
        base, self._n_frames = self._n_frames, self._n_frames + len(decided)
        if len(decided) == 0:
            return []
        self._is_above = bool(decided[-1])
        return [
            (bool(decided[first]), base + first, base + last) for first, last in pairwise(edges)
        ]

    def _hear_speech(self, first: int, last: int) -> list[EndpointEvent]:
        events: list[EndpointEvent] = []
        if self._start < 0:
            self._start = first
        had_paused, before = self._end < first, self._end
        self._end = last
        # The first frame of this run with which the stretch is long enough.
        confirmed = max(first, self._start + self._min_speech - 1)
        if not self._is_told and confirmed < last:
            self._is_told = True
            events += self._begin(confirmed)
            had_paused, before = False, self._utterance_end
        if self._is_told:
            events += self._cut(first if had_paused else -1, before, last)
        return events

    def _begin(self, confirmed: int) -> list[EndpointEvent]:
        """Tell a start; it goes on with the utterance, or begins another."""
        heard_s = self._heard_s(confirmed)
        events: list[EndpointEvent] = []
        would_last = confirmed + 1 - self._utterance_start
        if self._utterance_start >= 0 and would_last > self._longest:
            events.append(self._utterance(self._utterance_end, heard_s, "length"))
            self._utterance_start = -1
        if self._utterance_start < 0:
            self._utterance_start = self._start
        return [*events, SpeechStarted(_seconds(self._start), heard_s)]

    def _cut(self, resumed: int, before: int, last: int) -> list[EndpointEvent]:
        """Cut the utterance where it is longest: in the pause, if there was one, or in speech."""
        events: list[EndpointEvent] = []
        if resumed >= 0 and resumed + 1 - self._utterance_start > self._longest:
            events.append(self._utterance(before, self._heard_s(resumed), "length"))
            self._utterance_start = resumed
        while last - self._utterance_start > self._longest:
            at = self._utterance_start + self._longest
            events.append(self._utterance(at, self._heard_s(at), "length"))
            self._utterance_start = at
        return events

    def _hear_pause(self, last: int) -> list[EndpointEvent]:
        """Take a pause that goes on to a frame; its start is where the last speech ended."""
        events: list[EndpointEvent] = []
        decided = -1
        if self._start >= 0 and last - self._end >= self._hangover:
            decided = self._end + self._hangover - 1
            if self._is_told:
                events.append(SpeechEnded(_seconds(self._end), self._heard_s(decided)))
                self._utterance_end = self._end
            self._start, self._is_told = -1, False
        if self._start < 0 and self._utterance_start >= 0:
            due = max(decided, self._utterance_end + self._pause - 1)
            if due < last:
                heard_s = self._heard_s(due)
                events.append(self._utterance(self._utterance_end, heard_s, "pause"))
                self._utterance_start = -1
        return events

    def _utterance(self, end: int, heard_s: float, reason: str) -> UtteranceEnded:
        return UtteranceEnded(_seconds(self._utterance_start), _seconds(end), heard_s, reason)

    def _heard_s(self, frame: int) -> float:
        return _seconds(frame) + self._look_ahead_s


def frames_of(duration_ms: float) -> int:
    """Return how many frames a duration is, rounded."""
    return round(duration_ms * FRAMES_PER_SECOND / 1000.0)


def _seconds(frame: int) -> float:
    return frame / FRAMES_PER_SECOND
