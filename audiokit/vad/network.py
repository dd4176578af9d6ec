"""The detector's network: how likely somebody speaks, by what it has learnt."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.gru import GatedUnits, unit_weights
from audiokit.dsp.weights import load_weights
from audiokit.stage import Block, StreamFormat
from audiokit.vad.inputs import N_INPUTS, SpeechInputs
from audiokit.vad.scorer import FRAMES_PER_SECOND, SpeechScorer

__all__ = ["LOOK_AHEAD_FRAMES", "N_STACKED", "NetworkScorer"]

N_STACKED = 2
"""Frames that the first layer hears at once: the latest, and those before it."""
LOOK_AHEAD_FRAMES = 5
"""Frames that the network has heard beyond the one that it speaks of."""
# From the start of a frame to the end of its window.
_WINDOW_REACH_S = 0.029
_HALF, _ONE = np.float32(0.5), np.float32(1.0)


class DetectorWeights(NamedTuple):
    """Everything the network has learnt.

    Args:
        entry: From stacked frames to the first layer, ``(N_STACKED * N_INPUTS, width)``.
        entry_bias: ``(width,)``.
        memory: The recurrent unit (`audiokit.dsp.gru.unit_weights`).
        out: ``(memory width, 1)``, halved.
        out_bias: ``(1,)``, halved.
    """

    entry: NDArray[np.float32]
    entry_bias: NDArray[np.float32]
    memory: NDArray[np.float32]
    out: NDArray[np.float32]
    out_bias: NDArray[np.float32]


class NetworkScorer(SpeechScorer):
    """Say how likely somebody speaks, a hundred times a second.

    One layer hears two frames at once, a gated recurrent unit remembers; what it says of a
    frame, it says `LOOK_AHEAD_FRAMES` later. Frames of digital silence are 0.

    Limits: singing and television are speech to it; a crowd is noise while somebody nearer
    speaks, and may be speech when nobody does.

    Args:
        fmt: Format of the stream; 8000 Hz or more. Channels are heard together.

    Raises:
        SettingError: The sample rate is below 8000 Hz.
    """

    look_ahead_s = LOOK_AHEAD_FRAMES / FRAMES_PER_SECOND + _WINDOW_REACH_S

    def __init__(self, fmt: StreamFormat) -> None:
        self.fmt = fmt
        self._weights = weights = _detector_weights()
        self._inputs = SpeechInputs(fmt)
        self._memory = GatedUnits(weights.memory, 1)
        self._before = np.zeros((N_STACKED - 1, N_INPUTS), np.float32)
        self.reset()

    def reset(self) -> None:
        self._inputs.reset()
        self._memory.reset()
        self._before[:] = 0.0
        # What is said first is of frames before the stream.
        self._n_early = LOOK_AHEAD_FRAMES
        self._heard = np.zeros(0, np.bool_)

    def process(self, block: Block) -> NDArray[np.float32]:
        return self._judge(*self._inputs.process(block))

    def flush(self) -> NDArray[np.float32]:
        inputs, is_heard = self._inputs.flush()
        # After the end, nothing changes any more.
        n_held = LOOK_AHEAD_FRAMES
        last = np.concatenate([self._before, inputs])[-1:]
        inputs = np.concatenate([inputs, np.repeat(last, n_held, axis=0)])
        return self._judge(inputs, is_heard)

    def _judge(
        self, inputs: NDArray[np.float32], is_heard: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        self._heard = np.concatenate([self._heard, is_heard])
        frames = np.concatenate([self._before, inputs])
        self._before[:] = frames[len(inputs) :]
        early = min(self._n_early, len(inputs))
        self._n_early -= early
        said = self._say(frames)[early:]
        is_heard, self._heard = self._heard[: len(said)], self._heard[len(said) :]
        said *= is_heard
        return said

    def _say(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        n_frames = len(frames) - N_STACKED + 1
        stacked = np.concatenate([frames[at : at + n_frames] for at in range(N_STACKED)], axis=1)[
            :, np.newaxis
        ]
        # Each product has the shape of one frame: the same bits for every cutting.
        hidden = np.matmul(stacked, self._weights.entry)
        hidden += self._weights.entry_bias
        np.maximum(hidden, np.float32(0.0), out=hidden)
        states = self._memory.follow(hidden.swapaxes(1, 2))
        said: NDArray[np.float32] = np.matmul(states.swapaxes(1, 2), self._weights.out)[:, 0, 0]
        said += self._weights.out_bias
        # By way of a hyperbolic tangent, which cannot overflow.
        np.tanh(said, out=said)
        said += _ONE
        said *= _HALF
        return said


@lru_cache(maxsize=1)
def _detector_weights() -> DetectorWeights:
    stored = load_weights("audiokit.vad", "detector.npz")
    return DetectorWeights(
        entry=stored["entry"],
        entry_bias=stored["entry_bias"],
        memory=unit_weights(
            stored["from_input"], stored["input_bias"], stored["from_state"], stored["state_bias"]
        ),
        out=_HALF * stored["out"],
        out_bias=_HALF * stored["out_bias"],
    )
