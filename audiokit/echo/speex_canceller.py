"""Adapter to the echo canceller of libspeexdsp, a library of the system."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from audiokit.echo.two_input import TwoInputProcessor
from audiokit.errors import MissingDeviceError
from audiokit.ranges import check_range, check_sample_rate
from audiokit.stage import Block, Fact, StreamFormat
from audiokit.units import power_to_db

__all__ = ["SpeexCanceller", "SpeexSettings"]

# Names and numbers of speex_echo.h and speex_preprocess.h.
_SET_SAMPLING_RATE = 24
_SET_DENOISE = 0
_SET_ECHO_STATE = 24
_FRAME_MS = 16.0
_FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class SpeexSettings:
    """How long the filter is.

    Raises:
        SettingError: The length is outside its range.
    """

    tail_ms: float = 500.0
    """Length of the filter in ms, 20 to 1000; delay and echo must lie within it."""

    def __post_init__(self) -> None:
        check_range("tail_ms", self.tail_ms, 20.0, 1000.0, unit="ms")


class SpeexCanceller(TwoInputProcessor):
    """Cancel echo with libspeexdsp, its residual-echo suppression included.

    The library works on 16-bit samples in frames of 16 ms; each channel of the microphone
    has a canceller of its own. It has no state that could be copied: a stream in the middle
    cannot be pickled.

    Args:
        fmt: Format of the microphone, 8 to 96 kHz.
        settings: Length of the filter.

    Raises:
        MissingDeviceError: The library is not installed.
        SettingError: The sample rate is outside 8 to 96 kHz.
    """

    def __init__(self, fmt: StreamFormat, settings: SpeexSettings | None = None) -> None:
        check_sample_rate(fmt.sample_rate, to="cancel echo")
        super().__init__(fmt)
        self.settings = settings or SpeexSettings()
        self._frame_samples = round(_FRAME_MS * fmt.sample_rate / 1000.0)
        # The suppressor gives each frame one frame late.
        self.latency_samples = 2 * self._frame_samples - 1
        self._library = _library()
        self._channels: list[_Channel] = []
        self._forget()

    def facts(self) -> Mapping[str, Fact]:
        """Return how much softer the stream became while the far end was heard.

        The library tells no delay.
        """
        if not self._sum_out:
            return {"state": "idle", "delay_ms": None, "erle_db": None}
        erle_db = power_to_db(self._sum_near) - power_to_db(self._sum_out)
        return {"state": "running", "delay_ms": None, "erle_db": round(erle_db, 2)}

    def _forget(self) -> None:
        tail = round(self.settings.tail_ms * self.fmt.sample_rate / 1000.0)
        self._channels = [
            _Channel(self._library, self.fmt.sample_rate, self._frame_samples, tail)
            for _ in range(self.fmt.channels)
        ]
        self._begun = np.zeros((0, self.fmt.channels + 1), np.float32)
        self._to_skip = self._frame_samples
        self._sum_near = self._sum_out = 0.0

    def _advance(self, near: Block, far: Block) -> Block:
        both = np.concatenate([self._begun, np.concatenate([near, far], axis=1)])
        n_ready = len(both) // self._frame_samples * self._frame_samples
        self._begun = both[n_ready:].copy()
        scaled = np.clip(np.rint(both[:n_ready] * _FULL_SCALE), -32768, 32767)
        frames = scaled.astype(np.int16).reshape(-1, self._frame_samples, both.shape[1])
        pieces = [self._cancel(np.ascontiguousarray(frame.T)) for frame in frames]
        ready = np.concatenate([self.fmt.silence(0), *pieces])
        skipped = min(self._to_skip, len(ready))
        self._to_skip -= skipped
        return ready[skipped:]

    def _finish(self) -> Block:
        n_held = len(self._begun) + self._frame_samples - self._to_skip
        shape = (2 * self._frame_samples, self.fmt.channels + 1)
        rest = np.zeros(shape, np.float32)
        return self._advance(rest[:, :-1], rest[:, -1:])[:n_held]

    def _cancel(self, rows: np.ndarray[Any, np.dtype[np.int16]]) -> Block:
        far = rows[-1]
        outs = [
            channel.cancel(near, far)
            for channel, near in zip(self._channels, rows[:-1], strict=True)
        ]
        out: Block = np.stack(outs, axis=1).astype(np.float32) / np.float32(_FULL_SCALE)
        # Louder than the noise of the last two bits.
        if int(np.abs(far).max()) > 4:
            self._sum_near += float(np.square(rows[:-1] / _FULL_SCALE).sum())
            self._sum_out += float(np.square(out, dtype=np.float64).sum())
        return out


class _Channel:
    """One canceller of the library, given back when it is no longer needed."""

    def __init__(self, library: Any, sample_rate: int, frame: int, tail: int) -> None:
        self._library = library
        self._echo = ctypes.c_void_p(library.speex_echo_state_init(frame, tail))
        self._after = ctypes.c_void_p(library.speex_preprocess_state_init(frame, sample_rate))
        rate, off = ctypes.c_int(sample_rate), ctypes.c_int(0)
        library.speex_echo_ctl(self._echo, _SET_SAMPLING_RATE, ctypes.byref(rate))
        library.speex_preprocess_ctl(self._after, _SET_DENOISE, ctypes.byref(off))
        library.speex_preprocess_ctl(self._after, _SET_ECHO_STATE, self._echo)

    def cancel(self, near: Any, far: Any) -> Any:
        out = np.empty_like(near)
        library = self._library
        library.speex_echo_cancellation(
            self._echo,
            near.ctypes.data_as(ctypes.c_void_p),
            far.ctypes.data_as(ctypes.c_void_p),
            out.ctypes.data_as(ctypes.c_void_p),
        )
        library.speex_preprocess_run(self._after, out.ctypes.data_as(ctypes.c_void_p))
        return out

    def __del__(self) -> None:
        self._library.speex_preprocess_state_destroy(self._after)
        self._library.speex_echo_state_destroy(self._echo)


@lru_cache(maxsize=1)
def _library() -> Any:
    name = ctypes.util.find_library("speexdsp") or "libspeexdsp.so.1"
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        raise MissingDeviceError(
            "the speex engine needs libspeexdsp, which is not installed. "
            "Install the system package libspeexdsp1 (speexdsp elsewhere), "
            "or use --engine audiokit."
        ) from error
    for make in (library.speex_echo_state_init, library.speex_preprocess_state_init):
        make.restype = ctypes.c_void_p
    return library
