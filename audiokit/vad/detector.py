"""Where people speak: levels per band, probability per frame, segments."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.stage import Analyzer, Block, StreamFormat
from audiokit.vad.bands import FRAMES_PER_SECOND, BandLevels
from audiokit.vad.hysteresis import FrameRun, Hysteresis
from audiokit.vad.probability import LOOK_AHEAD_FRAMES, SpeechProbability
from audiokit.vad.segments import Segment

__all__ = ["DetectorSettings", "SpeechDetector"]

_MAX_DURATION_MS = 60_000.0


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """What counts as speech, and how finely it is cut.

    Raises:
        SettingError: A value is out of range.
    """

    threshold: float = 0.5
    """Probability at which speech begins, 0.01 to 0.99; lower finds more."""
    release: float = 0.15
    """How far below the threshold it must fall to end, 0 to less than the threshold."""
    min_speech_ms: float = 100.0
    """Shorter speech is dropped; 0 to 60000 ms."""
    min_pause_ms: float = 200.0
    """Shorter pauses are bridged; 0 to 60000 ms."""
    pad_ms: float = 30.0
    """Added before and after; 0 to 60000 ms. Pauses shorter than twice this are bridged."""

    def __post_init__(self) -> None:
        if not 0.01 <= self.threshold <= 0.99:
            raise SettingError("threshold", self.threshold, "0.01 to 0.99")
        if not 0.0 <= self.release < self.threshold:
            raise SettingError("release", self.release, f"0 to less than {self.threshold}")
        for name in ("min_speech_ms", "min_pause_ms", "pad_ms"):
            value: float = getattr(self, name)
            if not 0.0 <= value <= _MAX_DURATION_MS:
                raise SettingError(name, value, f"0 to {_MAX_DURATION_MS:.0f} ms")


class SpeechDetector(Analyzer[list[Segment]]):
    """Find speech in a stream of any level, rate from 8 kHz on and number of channels.

    Bands that rise over their own noise floor, weighted toward where voices are strong,
    make a probability every 10 ms; two thresholds make segments of it. A segment comes
    out when it is final: `look_ahead_s` and one pause after its end. Memory is bounded.

    Limits: it hears level, not words. Music and babble pass for speech, and so may a
    noise that comes and goes like speech.

    Args:
        fmt: Format of the stream; 8000 Hz or more.
        settings: What counts as speech.

    Raises:
        SettingError: The sample rate is below 8000 Hz.
    """

    def __init__(self, fmt: StreamFormat, settings: DetectorSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or DetectorSettings()
        self._bands = BandLevels(fmt)
        self._probability = SpeechProbability()
        self._pad = _frames(self.settings.pad_ms)
        self._hysteresis = Hysteresis(
            upper=self.settings.threshold,
            lower=self.settings.threshold - self.settings.release,
            min_run=_frames(self.settings.min_speech_ms),
            min_pause=max(1, _frames(self.settings.min_pause_ms), 2 * self._pad),
        )
        self._n_samples = 0

    @property
    def look_ahead_s(self) -> float:
        """Seconds, at most, between a frame and the last sample its probability needs."""
        return (LOOK_AHEAD_FRAMES + 3) / FRAMES_PER_SECOND

    def reset(self) -> None:
        self._bands.reset()
        self._probability.reset()
        self._hysteresis.reset()
        self._n_samples = 0

    def process(self, block: Block) -> list[Segment]:
        return self._segments(self._hysteresis.process(self.process_frames(block)))

    def flush(self) -> list[Segment]:
        runs = self._hysteresis.process(self.flush_frames())
        return self._segments(runs + self._hysteresis.flush())

    def process_frames(self, block: Block) -> NDArray[np.float32]:
        """Take the next block; return the probabilities that are now final.

        An alternative to `process`, for who wants frames and not segments: a stream
        goes through one of the two.

        Returns:
            ``(frames,)``, 0 to 1; frame ``k`` is the 10 ms from ``k / 100`` s on.
        """
        self._n_samples += len(block)
        return self._probability.process(self._bands.process(block))

    def flush_frames(self) -> NDArray[np.float32]:
        """End the stream and return the remaining probabilities, ``(frames,)``."""
        head = self._probability.process(self._bands.flush())
        return np.concatenate([head, self._probability.flush()])

    def _segments(self, runs: list[FrameRun]) -> list[Segment]:
        return [self._segment(run) for run in runs]

    def _segment(self, run: FrameRun) -> Segment:
        start_s = max(0, run.start - self._pad) / FRAMES_PER_SECOND
        end_s = (run.end + self._pad) / FRAMES_PER_SECOND
        # A run that is not the last one ends a whole pause before what was heard so far.
        duration_s = self.fmt.seconds(self._n_samples)
        if end_s > duration_s:
            end_s = math.floor(duration_s * 1e6) / 1e6
        return Segment(start_s, end_s, confidence=run.confidence)


def _frames(duration_ms: float) -> int:
    return round(duration_ms * FRAMES_PER_SECOND / 1000.0)
