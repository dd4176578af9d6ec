"""Speex's noise suppressor as a stage: the speexdsp-ns package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.framed_engine import FramedEngine, FrameStep, NativeFrames
from audiokit.errors import MissingExtraError
from audiokit.ranges import check_range
from audiokit.stage import StreamFormat

__all__ = ["SpeexEngine", "SpeexSettings"]

_FRAME_MS = 16
# Its tables of critical bands are made for voices: 8 to 48 kHz.
_RATES_HZ = (8000, 48000)
_FULL_SCALE = np.float32(32767.0)


@dataclass(frozen=True, slots=True)
class SpeexSettings:
    """How much of Speex to hear.

    Raises:
        SettingError: A value is outside its range.
    """

    strength: float = 1.0
    """Share of its output, 0 (the input alone) to 1; the package offers no setting of its
    own."""

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0.0, 1.0)


class SpeexEngine(FramedEngine):
    """Let Speex's preprocessor take noise away, in frames of 16 ms.

    It works on 16-bit samples, at the stream's own rate from 8 to 48 kHz; streams outside
    that range are resampled to the nearer end.

    Args:
        fmt: Format of the stream.
        settings: How much of it to hear.

    Raises:
        MissingExtraError: speexdsp-ns is not installed.

    References:
        J.-M. Valin, "The Speex codec manual", section on the preprocessor, 2007.
    """

    def __init__(self, fmt: StreamFormat, settings: SpeexSettings | None = None) -> None:
        self.settings = settings or SpeexSettings()
        sample_rate = min(max(fmt.sample_rate, _RATES_HZ[0]), _RATES_HZ[1])
        # An even length; what comes out is one frame late.
        size = sample_rate * _FRAME_MS // 2000 * 2
        native = NativeFrames(sample_rate, frame_samples=size, delay_samples=size)
        super().__init__(fmt, native, strength=self.settings.strength)

    def open_channel(self) -> FrameStep:
        try:
            from speexdsp_ns import NoiseSuppression
        except ImportError as error:
            raise MissingExtraError("the engine speex", "engines") from error
        frames = self._native
        return _Channel(NoiseSuppression.create(frames.frame_samples, frames.sample_rate))


class _Channel:
    """One state of the package, from floats to floats."""

    def __init__(self, suppressor: Any) -> None:
        self._suppressor = suppressor

    def __call__(self, frame: NDArray[np.float32]) -> NDArray[np.float32]:
        pcm = np.rint(frame.clip(-1.0, 1.0) * _FULL_SCALE).astype(np.int16)
        done = self._suppressor.process(pcm.tobytes())
        out: NDArray[np.float32] = np.frombuffer(done, np.int16) / _FULL_SCALE
        return out
