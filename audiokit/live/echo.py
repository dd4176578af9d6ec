"""Taking out of the microphone what the client itself plays."""

from __future__ import annotations

from collections import deque

import numpy as np

from audiokit.echo.canceller import EchoCanceller
from audiokit.live.pcm import PcmFormat, to_block
from audiokit.stage import Block, StreamFormat

__all__ = ["PlayedEcho"]

# What is given to a speaker comes in pieces of 20 ms, by another clock than the microphone's:
# one of them is held, so that a late one leaves no hole. It is heard later than that anyway.
_AHEAD_S = 0.02
# More than this, and the speaker has been given what it will never play.
_MOST_S = 1.0


class PlayedEcho:
    """An echo canceller whose far end is what the speaker was given.

    Args:
        fmt: The microphone's; the speaker has its rate and one channel.

    Raises:
        SettingError: The rate is outside 8 to 96 kHz.
    """

    def __init__(self, fmt: PcmFormat) -> None:
        self.fmt = StreamFormat(fmt.sample_rate, fmt.channels)
        self._canceller = EchoCanceller(self.fmt)
        self._played: deque[Block] = deque()
        self._n_waiting = 0

    def heard(self, pcm: bytes) -> None:
        """Take samples that the speaker has just been given."""
        if not self._n_waiting:
            self._add(np.zeros((round(_AHEAD_S * self.fmt.sample_rate), 1), np.float32))
        self._add(to_block(pcm, 1))
        while self._n_waiting > _MOST_S * self.fmt.sample_rate:
            self._n_waiting -= len(self._played.popleft())

    def process(self, near: Block) -> Block:
        """Return the microphone without the echo; late, as the canceller is."""
        far = np.zeros((len(near), 1), np.float32)
        at = 0
        while at < len(far) and self._played:
            block = self._played.popleft()
            taken = min(len(block), len(far) - at)
            far[at : at + taken] = block[:taken]
            at += taken
            self._n_waiting -= taken
            if taken < len(block):
                self._played.appendleft(block[taken:])
        return self._canceller.process(near, far)

    def flush(self) -> Block:
        """Return what the canceller held back."""
        return self._canceller.flush()

    def _add(self, block: Block) -> None:
        self._played.append(block)
        self._n_waiting += len(block)
