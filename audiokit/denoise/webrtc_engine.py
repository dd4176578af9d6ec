"""WebRTC's noise suppressor as a stage: the webrtc-noise-gain package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.framed_engine import FramedEngine, FrameStep, NativeFrames
from audiokit.errors import MissingExtraError, SettingError
from audiokit.ranges import check_range
from audiokit.stage import StreamFormat

__all__ = ["WebrtcEngine", "WebrtcSettings"]

# Frames of 10 ms; its filter bank and transform are 6 ms late.
_NATIVE = NativeFrames(sample_rate=16000, frame_samples=160, delay_samples=96)
_FULL_SCALE = np.float32(32767.0)


@dataclass(frozen=True, slots=True)
class WebrtcSettings:
    """What WebRTC is told.

    Raises:
        SettingError: A value is outside its range.
    """

    strength: float = 1.0
    """Share of its output, 0 (the input alone) to 1."""

    level: int = 2
    """Its own step of suppression, 1 (low) to 4 (very high)."""

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0.0, 1.0)
        if self.level not in {1, 2, 3, 4}:
            raise SettingError("level", self.level, "1, 2, 3 or 4")


class WebrtcEngine(FramedEngine):
    """Let WebRTC's noise suppressor take noise away, on 16 kHz frames of 10 ms.

    It works on 16-bit samples, and its high-pass filter cannot be turned off; its automatic
    gain is off.

    Args:
        fmt: Format of the stream; other rates than 16 kHz are resampled on the way.
        settings: What it is told.

    Raises:
        MissingExtraError: webrtc-noise-gain is not installed.

    References:
        WebRTC, modules/audio_processing/ns.
    """

    def __init__(self, fmt: StreamFormat, settings: WebrtcSettings | None = None) -> None:
        self.settings = settings or WebrtcSettings()
        super().__init__(fmt, _NATIVE, strength=self.settings.strength)

    def open_channel(self) -> FrameStep:
        try:
            from webrtc_noise_gain import AudioProcessor
        except ImportError as error:
            raise MissingExtraError("the engine webrtc", "engines") from error
        return _Channel(AudioProcessor(0, self.settings.level))


class _Channel:
    """One state of the package, from floats to floats."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor

    def __call__(self, frame: NDArray[np.float32]) -> NDArray[np.float32]:
        pcm = np.rint(frame.clip(-1.0, 1.0) * _FULL_SCALE).astype(np.int16)
        done = self._processor.Process10ms(pcm.tobytes()).audio
        out: NDArray[np.float32] = np.frombuffer(done, np.int16) / _FULL_SCALE
        return out
