"""What every engine of frames at one rate needs around it to be a scorer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.files.resample import Resampler, ResampleSettings
from audiokit.stage import Block, StreamFormat
from audiokit.vad.scorer import FRAMES_PER_SECOND, MIN_SAMPLE_RATE, SpeechScorer

__all__ = ["FramedScorer", "ScoreFrame", "mix_down"]

ScoreFrame: TypeAlias = Callable[[NDArray[np.float32]], float]
"""An engine newly begun: takes its next frame, ``(samples,)``, gives the probability of speech."""


class FramedScorer(SpeechScorer):
    """Run an engine that knows mono frames of one length at one rate, on any stream.

    Channels are mixed down, and a stream of another rate is brought to the engine's. Each of
    our frames gets the probability of the engine's frame that its middle lies in; the last
    frame of the engine is filled up with silence. The engine's state cannot be pickled.

    Args:
        fmt: Format of the stream; 8000 Hz or more.
        sample_rate: The engine's, in Hz.
        frame_samples: Samples of the engine's frames.

    Raises:
        SettingError: The stream's sample rate is below 8000 Hz.
        MissingExtraError: The engine's package is not installed.
    """

    def __init__(self, fmt: StreamFormat, *, sample_rate: int, frame_samples: int) -> None:
        if fmt.sample_rate < MIN_SAMPLE_RATE:
            raise SettingError(
                "sample_rate", fmt.sample_rate, f"{MIN_SAMPLE_RATE} Hz or more", "Resample first."
            )
        self.fmt = fmt
        self._sample_rate, self._frame_samples = sample_rate, frame_samples
        mono = StreamFormat(fmt.sample_rate)
        self._to_native = Resampler(mono, ResampleSettings(sample_rate))
        is_one_to_one = frame_samples * FRAMES_PER_SECOND == sample_rate
        # A frame may begin half its length before the engine's frame that its middle lies in.
        early_s = 0.0 if is_one_to_one else 0.5 / FRAMES_PER_SECOND
        self.look_ahead_s = early_s + frame_samples / sample_rate
        self.look_ahead_s += self._to_native.latency_samples / fmt.sample_rate
        self.reset()

    @abstractmethod
    def open_engine(self) -> ScoreFrame:
        """Return the engine, newly begun.

        Raises:
            MissingExtraError: Its package is not installed.
        """

    def reset(self) -> None:
        self._score = self.open_engine()
        self._to_native.reset()
        self._held = np.zeros(0, np.float32)
        # The engine's answers that frames to come may lie in, and the number of the first.
        self._answers = np.zeros(0, np.float32)
        self._first_answer = 0
        self._n_samples = self._n_frames = 0

    def process(self, block: Block) -> NDArray[np.float32]:
        self._n_samples += len(block)
        self._hear(self._to_native.process(mix_down(block)))
        n_answers = self._first_answer + len(self._answers)
        # Frames whose middle lies before the end of the last answer.
        n_halves = 2 * FRAMES_PER_SECOND * n_answers * self._frame_samples // self._sample_rate
        return self._spread(max(self._n_frames, (n_halves + 1) // 2))

    def flush(self) -> NDArray[np.float32]:
        self._hear(self._to_native.flush())
        n_begun = -(-self._n_samples * FRAMES_PER_SECOND // self.fmt.sample_rate)
        n_answers = self._first_answer + len(self._answers)
        # A recording of a single sample may round to none at the engine's rate.
        if len(self._held) or (n_begun and not n_answers):
            n_missing = self._frame_samples - len(self._held)
            self._hear(np.zeros((n_missing, 1), np.float32))
        return self._spread(n_begun)

    def _hear(self, native: Block) -> None:
        held = np.concatenate([self._held, native[:, 0]])
        n_whole = len(held) // self._frame_samples
        frames = held[: n_whole * self._frame_samples].reshape(n_whole, self._frame_samples)
        answers = np.array([self._score(frame) for frame in frames], np.float32)
        self._held = held[n_whole * self._frame_samples :].copy()
        self._answers = np.concatenate([self._answers, answers])

    def _spread(self, n_frames: int) -> NDArray[np.float32]:
        """Return the frames up to a number, and forget the answers that are used up."""
        if n_frames <= self._n_frames:
            return np.zeros(0, np.float32)
        middles = 2 * np.arange(self._n_frames, n_frames) + 1  # in half frames
        answers = middles * self._sample_rate // (2 * FRAMES_PER_SECOND * self._frame_samples)
        # The middle of the last frame may lie beyond the recording's end.
        places = np.minimum(answers - self._first_answer, len(self._answers) - 1)
        spread: NDArray[np.float32] = self._answers[places]
        self._n_frames = n_frames
        n_used = int(places[-1])
        self._answers = self._answers[n_used:]
        self._first_answer += n_used
        return spread


def mix_down(block: Block) -> Block:
    """Return the mean of all channels, ``(samples, 1)``."""
    # Channel by channel: each sample is summed in the same order at any length.
    total: Block = block[:, :1].copy()
    for channel in range(1, block.shape[1]):
        total += block[:, channel : channel + 1]
    total /= np.float32(block.shape[1])
    return total
