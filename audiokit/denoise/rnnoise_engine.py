"""RNNoise as a stage: the library inside the pyrnnoise package."""

from __future__ import annotations

import ctypes
import sys
import weakref
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.framed_engine import FramedEngine, FrameStep, NativeFrames
from audiokit.errors import MissingExtraError
from audiokit.ranges import check_range
from audiokit.stage import StreamFormat

__all__ = ["RnnoiseEngine", "RnnoiseSettings"]

# Frames of 10 ms; version 0.2 looks one frame ahead and overlaps two.
_NATIVE = NativeFrames(sample_rate=48000, frame_samples=480, delay_samples=960)
_LIBRARIES = {"win32": "rnnoise.dll", "darwin": "librnnoise.dylib"}
# It counts as 16-bit samples do.
_FULL_SCALE = np.float32(32768.0)


@dataclass(frozen=True, slots=True)
class RnnoiseSettings:
    """How much of RNNoise to hear.

    Raises:
        SettingError: A value is outside its range.
    """

    strength: float = 1.0
    """Share of its output, 0 (the input alone) to 1; the engine itself knows no strength."""

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0.0, 1.0)


class RnnoiseEngine(FramedEngine):
    """Let RNNoise take noise away: a small recurrent network on 48 kHz frames of 10 ms.

    The C library is loaded from the folder of the pyrnnoise package, and the package itself is
    not imported: it would load FFmpeg's libraries and matplotlib.

    Args:
        fmt: Format of the stream; other rates than 48 kHz are resampled on the way.
        settings: How much of it to hear.

    Raises:
        MissingExtraError: pyrnnoise is not installed.

    References:
        J.-M. Valin, "A hybrid DSP/deep learning approach to real-time full-band speech
        enhancement", MMSP 2018.
    """

    def __init__(self, fmt: StreamFormat, settings: RnnoiseSettings | None = None) -> None:
        self.settings = settings or RnnoiseSettings()
        super().__init__(fmt, _NATIVE, strength=self.settings.strength)

    def open_channel(self) -> FrameStep:
        return _Channel(_library())


class _Channel:
    """One state of the library."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._run = library.rnnoise_process_frame
        self._state = library.rnnoise_create(None)
        weakref.finalize(self, library.rnnoise_destroy, self._state)

    def __call__(self, frame: NDArray[np.float32]) -> NDArray[np.float32]:
        scaled = frame * _FULL_SCALE
        out: NDArray[np.float32] = np.empty_like(frame)
        self._run(self._state, out.ctypes.data, scaled.ctypes.data)
        out /= _FULL_SCALE
        return out


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    package = find_spec("pyrnnoise")
    if package is None or package.origin is None:
        raise MissingExtraError("the engine rnnoise", "engines")
    path = Path(package.origin).with_name(_LIBRARIES.get(sys.platform, "librnnoise.so"))
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise MissingExtraError("the engine rnnoise", "engines") from error
    library.rnnoise_create.argtypes = [ctypes.c_void_p]
    library.rnnoise_create.restype = ctypes.c_void_p
    library.rnnoise_destroy.argtypes = [ctypes.c_void_p]
    library.rnnoise_destroy.restype = None
    library.rnnoise_process_frame.argtypes = [ctypes.c_void_p] * 3
    library.rnnoise_process_frame.restype = ctypes.c_float
    return library
