"""WebRTC's voice activity detector as a scorer: the webrtcvad-wheels package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import MissingExtraError, SettingError
from audiokit.stage import StreamFormat
from audiokit.vad.framed_scorer import FramedScorer, ScoreFrame
from audiokit.vad.scorer import FRAMES_PER_SECOND

__all__ = ["WebrtcScorer", "WebrtcScorerSettings"]

_KNOWN_RATES = (8000, 16000, 32000, 48000)
_FALLBACK_RATE = 16000
_FULL_SCALE = np.float32(32767.0)


@dataclass(frozen=True, slots=True)
class WebrtcScorerSettings:
    """What the detector is told.

    Raises:
        SettingError: A value is outside its range.
    """

    aggressiveness: int = 2
    """How much is taken for noise, 0 (least) to 3."""

    def __post_init__(self) -> None:
        if self.aggressiveness not in {0, 1, 2, 3}:
            raise SettingError("aggressiveness", self.aggressiveness, "0, 1, 2 or 3")


class WebrtcScorer(FramedScorer):
    """Let WebRTC's detector judge each frame of 10 ms: a probability of 0 or 1.

    It takes 8, 16, 32 and 48 kHz as they are; other rates are brought to 16 kHz. Samples
    beyond full scale are clipped, for it counts in 16 bits.

    Args:
        fmt: Format of the stream; 8000 Hz or more.
        settings: What it is told.

    Raises:
        SettingError: The sample rate is below 8000 Hz.
        MissingExtraError: webrtcvad-wheels is not installed.

    References:
        WebRTC, common_audio/vad: Gaussian mixtures on the energies of six bands.
    """

    def __init__(self, fmt: StreamFormat, settings: WebrtcScorerSettings | None = None) -> None:
        self.settings = settings or WebrtcScorerSettings()
        rate = fmt.sample_rate if fmt.sample_rate in _KNOWN_RATES else _FALLBACK_RATE
        super().__init__(fmt, sample_rate=rate, frame_samples=rate // FRAMES_PER_SECOND)

    def open_engine(self) -> ScoreFrame:
        try:
            from webrtcvad import Vad
        except ImportError as error:
            raise MissingExtraError("the engine webrtc", "engines") from error
        engine = Vad(self.settings.aggressiveness)

        def score(frame: NDArray[np.float32]) -> float:
            pcm = np.rint(frame.clip(-1.0, 1.0) * _FULL_SCALE).astype(np.int16)
            return float(engine.is_speech(pcm.tobytes(), self._sample_rate))

        return score
