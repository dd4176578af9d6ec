"""The contract of the one kind of stage that hears two streams."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from audiokit.stage import Block, Fact, StreamFormat

__all__ = ["TwoInputProcessor"]


class TwoInputProcessor(ABC):
    """Microphone and far end in, microphone out.

    As a `Processor`, but with a second stream beside the first: sample ``n`` of the far end
    is what the loudspeaker was given when sample ``n`` of the microphone was taken. Each call
    may bring any number of samples of either. The far end may run ahead; a microphone that
    runs ahead waits, and `flush` takes what never came of the far end for silence. However
    the two are cut, the output is the same; it is as long as the microphone's stream and
    aligned with it.

    Args:
        fmt: Format of the microphone. The far end has the same sample rate and one channel.

    Attributes:
        fmt: Format of the blocks that come in at the microphone, and that go out.
        latency_samples: Most samples ever held back of what both streams have brought.
    """

    latency_samples: int = 0

    def __init__(self, fmt: StreamFormat) -> None:
        self.fmt = fmt
        self._waiting_near = fmt.silence(0)
        self._waiting_far = np.zeros((0, 1), np.float32)

    def process(self, near: Block, far: Block) -> Block:
        """Take the next of both streams; return what is ready.

        Args:
            near: The microphone, ``(samples, channels)``.
            far: The far end, ``(samples, 1)``.
        """
        if len(self._waiting_near):
            near = np.concatenate([self._waiting_near, near])
        if len(self._waiting_far):
            far = np.concatenate([self._waiting_far, far])
        n_both = min(len(near), len(far))
        # Copies: the caller may use a block again.
        self._waiting_near = near[n_both:].copy()
        self._waiting_far = far[n_both:].copy()
        return self._advance(near[:n_both], far[:n_both])

    def flush(self) -> Block:
        """End both streams and return what was held back. Call `reset` before reuse."""
        near = self._waiting_near
        ready = self._advance(near, np.zeros((len(near), 1), np.float32))
        self._waiting_near = self.fmt.silence(0)
        self._waiting_far = np.zeros((0, 1), np.float32)
        return np.concatenate([ready, self._finish()])

    def reset(self) -> None:
        """Forget both streams, as if newly built."""
        self._waiting_near = self.fmt.silence(0)
        self._waiting_far = np.zeros((0, 1), np.float32)
        self._forget()

    def facts(self) -> Mapping[str, Fact]:
        """Return what was done to the stream so far, for the row of a report."""
        return {}

    @abstractmethod
    def _advance(self, near: Block, far: Block) -> Block:
        """Take as many samples of both."""

    @abstractmethod
    def _finish(self) -> Block:
        """Return what is held back."""

    @abstractmethod
    def _forget(self) -> None:
        """Forget the stream."""
