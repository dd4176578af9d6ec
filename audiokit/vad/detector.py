"""Where people speak: probability per frame, segments."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.ranges import check_range
from audiokit.stage import Analyzer, Block, StreamFormat
from audiokit.vad.frame_levels import FrameLevels
from audiokit.vad.hysteresis import FrameRun, Hysteresis, lower_threshold
from audiokit.vad.long_runs import split_long_run
from audiokit.vad.scorer import FRAMES_PER_SECOND, SpeechScorer
from audiokit.vad.segments import Segment

__all__ = ["ENGINES", "DetectorSettings", "SpeechDetector"]

EngineName = Literal["network", "energy", "webrtc", "silero", "pyaudioanalysis"]
# Where each lives; imported when it is asked for.
_SCORERS: Mapping[str, tuple[str, str]] = {
    "network": ("audiokit.vad.network", "NetworkScorer"),
    "energy": ("audiokit.vad.energy_engine", "EnergyScorer"),
    "webrtc": ("audiokit.vad.webrtc_engine", "WebrtcScorer"),
    "silero": ("audiokit.vad.silero_engine", "SileroScorer"),
    "pyaudioanalysis": ("audiokit.vad.pyaudioanalysis_engine", "PyAudioAnalysisScorer"),
}
ENGINES = tuple(_SCORERS)
"""Who may say how likely speech is."""
_MAX_DURATION_MS = 60_000.0


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """What counts as speech, and how finely it is cut.

    Raises:
        SettingError: A value is out of range.
    """

    threshold: float = 0.5
    """Probability at which speech begins, 0.01 to 0.99; lower finds more."""
    release: float = 0.03
    """How far below the threshold it must fall to end, 0 to 1; no more than by half of it."""
    min_speech_ms: float = 100.0
    """Shorter speech is dropped; 0 to 60000 ms."""
    min_pause_ms: float = 200.0
    """Shorter pauses are bridged; 0 to 60000 ms."""
    pad_ms: float = 30.0
    """Added before and after; 0 to 60000 ms. Pauses shorter than twice this are bridged."""
    max_speech_s: float = 0.0
    """Longer speech is cut at its quietest places, 1 to 3600 s; 0 leaves it whole."""
    engine: EngineName = "network"
    """Who says how likely speech is."""

    def __post_init__(self) -> None:
        if self.engine not in _SCORERS:
            raise SettingError("engine", self.engine, ", ".join(_SCORERS))
        if self.max_speech_s and not 1.0 <= self.max_speech_s <= 3600.0:
            raise SettingError("max_speech_s", self.max_speech_s, "1 to 3600 s, or 0")
        if not 0.01 <= self.threshold <= 0.99:
            raise SettingError("threshold", self.threshold, "0.01 to 0.99")
        check_range("release", self.release, 0.0, 1.0)
        for name in ("min_speech_ms", "min_pause_ms", "pad_ms"):
            value: float = getattr(self, name)
            if not 0.0 <= value <= _MAX_DURATION_MS:
                raise SettingError(name, value, f"0 to {_MAX_DURATION_MS:.0f} ms")

    def check_installed(self) -> None:
        """Load what the engine needs.

        Raises:
            MissingExtraError: Its package is not installed.
        """
        _scorer(self.engine, StreamFormat(16000))


class SpeechDetector(Analyzer[list[Segment]]):
    """Find speech in a stream of any level, rate from 8 kHz on and number of channels.

    An engine gives a probability every 10 ms; two thresholds make segments of it. A segment
    comes out when it is final: `look_ahead_s` and one pause after its end. Memory grows with
    the longest segment alone, by 400 bytes a second.

    Args:
        fmt: Format of the stream; 8000 Hz or more.
        settings: What counts as speech.

    Raises:
        SettingError: The sample rate is below 8000 Hz.
        MissingExtraError: The engine's package is not installed.
    """

    def __init__(self, fmt: StreamFormat, settings: DetectorSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or DetectorSettings()
        self._scorer = _scorer(self.settings.engine, fmt)
        self._levels = FrameLevels(fmt)
        self._pad = _frames(self.settings.pad_ms)
        self._max_run = round(self.settings.max_speech_s * FRAMES_PER_SECOND)
        self._hysteresis = Hysteresis(
            upper=self.settings.threshold,
            lower=lower_threshold(self.settings.threshold, self.settings.release),
            min_run=_frames(self.settings.min_speech_ms),
            min_pause=max(1, _frames(self.settings.min_pause_ms), 2 * self._pad),
        )
        self.reset()

    @property
    def look_ahead_s(self) -> float:
        """Seconds, at most, between the start of a frame and the last sample it needs."""
        return self._scorer.look_ahead_s

    def reset(self) -> None:
        self._scorer.reset()
        self._levels.reset()
        self._hysteresis.reset()
        self._n_samples = 0

    def process(self, block: Block) -> list[Segment]:
        return self.decide(self.process_frames(block))

    def flush(self) -> list[Segment]:
        return self.decide(self.flush_frames()) + self.close()

    def process_frames(self, block: Block) -> NDArray[np.float32]:
        """Take the next block; return the probabilities that are now final.

        For who wants frames too: `decide` and, at the end, `close` make segments of them. A
        stream goes through these or through `process` and `flush`.

        Returns:
            ``(frames,)``, 0 to 1; frame ``k`` is the 10 ms from ``k / 100`` s on.
        """
        self._n_samples += len(block)
        if self._max_run:
            self._levels.process(block)
        return self._scorer.process(block)

    def flush_frames(self) -> NDArray[np.float32]:
        """End the stream and return the remaining probabilities, ``(frames,)``."""
        return self._scorer.flush()

    def decide(self, probabilities: NDArray[np.float32]) -> list[Segment]:
        """Take the next probabilities; return the segments that are now final."""
        segments = self._segments(self._hysteresis.process(probabilities))
        self._levels.forget(self._hysteresis.undecided_from - self._pad)
        return segments

    def close(self) -> list[Segment]:
        """Return the last segment, once all probabilities were taken."""
        return self._segments(self._hysteresis.flush())

    def _segments(self, runs: list[FrameRun]) -> list[Segment]:
        return [segment for run in runs for segment in self._parts(run)]

    def _parts(self, run: FrameRun) -> list[Segment]:
        if not self._max_run:
            return [self._segment(run.start - self._pad, run.end + self._pad, run)]
        # Cuts must leave room for the padding, which is part of what may be so long.
        first, last = max(0, run.start - self._pad), run.end + self._pad
        cuts = split_long_run(self._levels.take(first, last), self._max_run)
        edges = [first, *(first + cut for cut in cuts), last]
        return [self._segment(a, b, run) for a, b in pairwise(edges)]

    def _segment(self, first: int, last: int, run: FrameRun) -> Segment:
        start_s = max(0, first) / FRAMES_PER_SECOND
        end_s = last / FRAMES_PER_SECOND
        # A run that is not the last one ends a whole pause before what was heard so far.
        duration_s = self.fmt.seconds(self._n_samples)
        if end_s > duration_s:
            end_s = math.floor(duration_s * 1e6) / 1e6
        return Segment(start_s, end_s, confidence=run.confidence)


def _scorer(engine: str, fmt: StreamFormat) -> SpeechScorer:
    module, name = _SCORERS[engine]
    scorer: SpeechScorer = getattr(importlib.import_module(module), name)(fmt)
    return scorer


def _frames(duration_ms: float) -> int:
    return round(duration_ms * FRAMES_PER_SECOND / 1000.0)
