"""What every engine of frames at one rate needs around it to be a stage."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audiokit.files.resample import Resampler, ResampleSettings
from audiokit.stage import Block, Fact, Processor, StreamFormat

__all__ = ["FrameStep", "FramedEngine", "NativeFrames"]

FrameStep: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""One channel of an engine: takes the next frame, ``(frame_samples,)``, as loud as it comes, and
gives as many samples, late by the engine's delay."""

# What a pickled stage is rebuilt from.
_HISTORY_S = 10.0


@dataclass(frozen=True, slots=True)
class NativeFrames:
    """The only form in which an engine takes audio.

    Args:
        sample_rate: In Hz.
        frame_samples: Samples of each frame.
        delay_samples: By how much its output is late.
    """

    sample_rate: int
    frame_samples: int
    delay_samples: int


class FramedEngine(Processor):
    """Run an engine that knows mono frames of one length at one rate, on any stream.

    Each channel gets an engine of its own. A stream of another rate is brought to the
    engine's and back, aligned and at its exact length; what lies above half the engine's rate
    is lost on the way, and `facts` says so. The engine's delay is taken out.

    The state of such an engine cannot be pickled, so the last 10 s are kept, and a copy hears
    them again. It goes on with the same bits when the stream was no longer, and with noise
    learnt anew from them when it was.

    Args:
        fmt: Format of the stream.
        native: What the engine takes.
        strength: Share of the engine's output, 0 to 1; the rest is the input, aligned. At 0
            the stream passes untouched.
    """

    def __init__(self, fmt: StreamFormat, native: NativeFrames, *, strength: float) -> None:
        self.fmt = fmt
        self._native = native
        self._strength = np.float32(strength)
        native_fmt = StreamFormat(native.sample_rate, fmt.channels)
        self._to_native = Resampler(fmt, ResampleSettings(native.sample_rate))
        self._from_native = Resampler(native_fmt, ResampleSettings(fmt.sample_rate))
        held_native = native.frame_samples - 1 + native.delay_samples
        held_native += self._from_native.latency_samples
        # One more sample for the phase between two rates.
        held = held_native * fmt.sample_rate / native.sample_rate
        self.latency_samples = self._to_native.latency_samples + math.ceil(held) + 1
        history_frames = round(_HISTORY_S * native.sample_rate / native.frame_samples)
        self._history: deque[NDArray[np.float32]] = deque(maxlen=history_frames)
        self.reset()

    @abstractmethod
    def open_channel(self) -> FrameStep:
        """Return the engine of one channel, newly begun.

        Raises:
            MissingExtraError: Its package is not installed.
        """

    def reset(self) -> None:
        self._steps = [self.open_channel() for _ in range(self.fmt.channels)]
        self._history.clear()
        self._to_native.reset()
        self._from_native.reset()
        self._held = np.zeros((self.fmt.channels, 0), np.float32)
        self._dry = self.fmt.silence(0)
        self._to_skip = self._native.delay_samples
        self._n_in = self._n_out = self._n_beyond = 0

    def process(self, block: Block) -> Block:
        self._n_in += len(block)
        if self._strength == 0.0:
            self._n_out += len(block)
            return block
        self._n_beyond += int(np.count_nonzero(np.abs(block) > 1.0))
        self._keep_dry(block)
        native = self._run(self._to_native.process(block))
        return self._mixed(self._from_native.process(native))

    def flush(self) -> Block:
        due = self._n_in - self._n_out
        if due == 0:
            return self.fmt.silence(0)
        # So many zeros bring the delayed end out, and make up for a length that was rounded.
        n_zeros = self._native.delay_samples + self._native.frame_samples
        n_zeros += math.ceil(self._native.sample_rate / self.fmt.sample_rate)
        zeros = np.zeros((n_zeros, self.fmt.channels), np.float32)
        native = self._run(np.concatenate([self._to_native.flush(), zeros]))
        wet = [self._from_native.process(native), self._from_native.flush()]
        return self._mixed(np.concatenate(wet)[:due])

    def facts(self) -> Mapping[str, Fact]:
        """Return the rate it worked at and what it cannot hold.

        `resampled_hz` is the engine's rate where it is not the stream's, otherwise None;
        `n_beyond_full_scale` counts samples beyond ±1.0, which most engines clip.
        """
        is_resampled = self._native.sample_rate != self.fmt.sample_rate
        return {
            "resampled_hz": self._native.sample_rate if is_resampled else None,
            "n_beyond_full_scale": self._n_beyond,
        }

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_steps"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._steps = [self.open_channel() for _ in range(self.fmt.channels)]
        for frames in self._history:
            self._step(frames)

    def _run(self, native: Block) -> Block:
        """Pass the frames that are now whole through the engine."""
        held = np.concatenate([self._held, native.T], axis=1)
        size = self._native.frame_samples
        n_frames = held.shape[1] // size
        out = np.empty((self.fmt.channels, n_frames * size), np.float32)
        for start in range(0, n_frames * size, size):
            frames = held[:, start : start + size].copy()
            self._history.append(frames)
            out[:, start : start + size] = self._step(frames)
        self._held = held[:, n_frames * size :].copy()
        skipped = min(self._to_skip, out.shape[1])
        self._to_skip -= skipped
        return np.ascontiguousarray(out[:, skipped:].T)

    def _step(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        steps = zip(self._steps, frames, strict=True)
        return np.stack([step(frame) for step, frame in steps])

    def _keep_dry(self, block: Block) -> None:
        if self._strength < 1.0:
            self._dry = np.concatenate([self._dry, block])

    def _mixed(self, wet: Block) -> Block:
        self._n_out += len(wet)
        if self._strength == 1.0:
            return wet
        dry, self._dry = self._dry[: len(wet)], self._dry[len(wet) :].copy()
        mixed: Block = dry + self._strength * (wet - dry)
        return mixed
