"""Scorers for the benchmark alone: what no `--engine` names."""

from __future__ import annotations

import ctypes
import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np

from audiokit.errors import MissingExtraError
from audiokit.files.resample import Resampler, ResampleSettings
from audiokit.vad.detector import SpeechDetector

RNNOISE_RATE = 48000
RNNOISE_FRAME = 480
# It answers once a frame is whole, and hears one more by its overlapping windows.
RNNOISE_DELAY_FRAMES = 1


class DefaultScorer:
    """The detector as `segment` uses it, its probabilities alone."""

    def __init__(self, fmt):
        detector = SpeechDetector(fmt)
        self.process = detector.process_frames
        self.flush = detector.flush_frames


class RnnoiseScorer:
    """What RNNoise says of each frame beside its audio: the probability of speech."""

    def __init__(self, fmt):
        self._library = rnnoise_library()
        self._state = self._library.rnnoise_create(None)
        self._to_native = Resampler(fmt, ResampleSettings(RNNOISE_RATE))
        self._held = np.zeros((0, 1), np.float32)
        self._to_skip = RNNOISE_DELAY_FRAMES

    def __del__(self):
        if hasattr(self, "_state"):
            self._library.rnnoise_destroy(self._state)

    def process(self, block):
        return self._score(self._to_native.process(block))

    def flush(self):
        n_due = -(-(len(self._held) + len(tail := self._to_native.flush())) // RNNOISE_FRAME)
        n_due += RNNOISE_DELAY_FRAMES - self._to_skip
        silence = np.zeros(((RNNOISE_DELAY_FRAMES + 1) * RNNOISE_FRAME, 1), np.float32)
        return self._score(np.concatenate([tail, silence]))[:n_due]

    def _score(self, native):
        held = np.concatenate([self._held, native])
        n_frames = len(held) // RNNOISE_FRAME
        frames = held[: n_frames * RNNOISE_FRAME].reshape(n_frames, RNNOISE_FRAME) * 32768.0
        self._held = held[n_frames * RNNOISE_FRAME :]
        out = np.empty(RNNOISE_FRAME, np.float32)
        step = self._library.rnnoise_process_frame
        found = [step(self._state, out.ctypes.data, frame.ctypes.data) for frame in frames]
        n_skipped = min(self._to_skip, len(found))
        self._to_skip -= n_skipped
        return np.array(found[n_skipped:], np.float32)


@lru_cache(maxsize=1)
def rnnoise_library():
    """Return the library inside pyrnnoise, without importing the package."""
    package = importlib.util.find_spec("pyrnnoise")
    if package is None:
        raise MissingExtraError("the engine rnnoise", "engines")
    library = ctypes.CDLL(str(Path(package.origin).with_name("librnnoise.so")))
    library.rnnoise_create.argtypes = [ctypes.c_void_p]
    library.rnnoise_create.restype = ctypes.c_void_p
    library.rnnoise_destroy.argtypes = [ctypes.c_void_p]
    library.rnnoise_process_frame.argtypes = [ctypes.c_void_p] * 3
    library.rnnoise_process_frame.restype = ctypes.c_float
    return library
