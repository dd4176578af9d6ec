"""Speech through, silence for the rest: the detector as a stage of a live stream."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import Block, Fact, Processor, StreamFormat
from audiokit.vad.endpoint import (
    EndpointEvent,
    EndpointMachine,
    EndpointSettings,
    SpeechEnded,
    SpeechStarted,
    frames_of,
)
from audiokit.vad.network import NetworkScorer
from audiokit.vad.scorer import FRAMES_PER_SECOND, SpeechScorer

__all__ = ["SpeechGate"]


class SpeechGate(Processor):
    """Pass a stream while somebody speaks, and zeros otherwise.

    Open from `preroll_ms` before a start until `hangover_ms` after an end, as `EndpointMachine`
    tells them; the first 10 ms fade in, and the 10 ms after the last fade out. What is let
    through is untouched. `events` gives what was told.

    Latency is the scorer's look-ahead, the pre-roll and `min_speech_ms`. Where speech shorter
    than that breaks off and begins again, its start is told later still, and the gate opens
    as early as it then can.

    Args:
        fmt: Format of the stream; 8000 Hz or more.
        settings: When it opens and shuts.
        scorer: Who says how likely speech is; the network if None. The gate feeds
            it; nobody else may.

    Raises:
        SettingError: The sample rate is below 8000 Hz, or the scorer must hear the whole
            recording first.
    """

    def __init__(
        self,
        fmt: StreamFormat,
        settings: EndpointSettings | None = None,
        *,
        scorer: SpeechScorer | None = None,
    ) -> None:
        self.fmt = fmt
        self.settings = settings or EndpointSettings()
        self._scorer = scorer or NetworkScorer(fmt)
        look_ahead_s = self._scorer.look_ahead_s
        self._machine = EndpointMachine(self.settings, look_ahead_s=look_ahead_s)
        self._preroll = frames_of(self.settings.preroll_ms)
        # A frame goes out when a start that would still reach it can no longer be told.
        self._delay = self._preroll + max(1, frames_of(self.settings.min_speech_ms)) - 1
        self._hangover = max(1, frames_of(self.settings.hangover_ms))
        held_s = (self._delay + 1) / FRAMES_PER_SECOND + look_ahead_s
        self.latency_samples = math.ceil(held_s * fmt.sample_rate) + 1
        self.reset()

    def reset(self) -> None:
        self._scorer.reset()
        self._machine.reset()
        self._held = self.fmt.silence(0)
        self._n_samples = self._n_out_frames = self._n_open = 0
        self._n_heard = 0
        self._was_open = False
        # Frames on which the gate is open, as far as told: [start, end), the last without end.
        self._open: list[tuple[float, float]] = []
        self._events: list[EndpointEvent] = []

    def process(self, block: Block) -> Block:
        self._n_samples += len(block)
        self._held = np.concatenate([self._held, block])
        self._hear(self._scorer.process(block))
        return self._give(max(self._n_out_frames, self._n_heard - self._delay))

    def flush(self) -> Block:
        self._hear(self._scorer.flush())
        self._events += self._machine.flush()
        return self._give(max(self._n_out_frames, self._n_heard))

    def events(self) -> list[EndpointEvent]:
        """Return what was told since the last call, in order."""
        events, self._events = self._events, []
        return events

    def facts(self) -> Mapping[str, Fact]:
        """Return `open_s`: for how long it was open."""
        return {"open_s": self._n_open / FRAMES_PER_SECOND}

    def _hear(self, probabilities: NDArray[np.float32]) -> None:
        self._n_heard += len(probabilities)
        events = self._machine.push(probabilities)
        for event in events:
            if isinstance(event, SpeechStarted):
                self._open_from(event)
            elif isinstance(event, SpeechEnded):
                start, _ = self._open[-1]
                self._open[-1] = (start, round(event.at_s * FRAMES_PER_SECOND) + self._hangover)
        self._events += events

    def _open_from(self, event: SpeechStarted) -> None:
        start = round(event.at_s * FRAMES_PER_SECOND)
        told = round((event.heard_s - self._scorer.look_ahead_s) * FRAMES_PER_SECOND)
        # What was given out before it was told is gone: the same frames at any cutting.
        self._open.append((max(start - self._preroll, told - self._delay), math.inf))

    def _give(self, n_frames: int) -> Block:
        """Return the samples of the frames up to a number, gated."""
        n_new = n_frames - self._n_out_frames
        if n_new <= 0:
            return self.fmt.silence(0)
        edges = np.arange(self._n_out_frames, n_frames + 1) * self.fmt.sample_rate
        # Frame k begins with the sample in which k / 100 s lies.
        edges = np.minimum(edges // FRAMES_PER_SECOND, self._n_samples)
        gains = self._gains(self._n_out_frames, n_frames, np.diff(edges))
        n_samples = int(edges[-1] - edges[0])
        given = self._held[:n_samples] * gains[:, np.newaxis]
        self._held = self._held[n_samples:].copy()
        self._n_out_frames = n_frames
        self._open = [stretch for stretch in self._open if stretch[1] > n_frames]
        return np.ascontiguousarray(given)

    def _gains(self, first: int, last: int, lengths: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the gain of each sample of some frames; it changes within one frame."""
        frames = np.arange(first, last)
        is_open = np.zeros(len(frames) + 1, bool)
        is_open[0] = self._was_open
        for start, end in self._open:
            is_open[1:] |= (frames >= start) & (frames < end)
        self._was_open = bool(is_open[-1])
        self._n_open += int(np.count_nonzero(is_open[1:]))
        gains = np.repeat(is_open[1:].astype(np.float32), lengths)
        starts = np.cumsum(lengths) - lengths
        for turn in np.flatnonzero(is_open[1:] != is_open[:-1]):
            ramp = np.arange(lengths[turn], dtype=np.float32) / np.float32(max(1, lengths[turn]))
            at = starts[turn]
            gains[at : at + len(ramp)] = ramp if is_open[turn + 1] else 1.0 - ramp
        return gains
