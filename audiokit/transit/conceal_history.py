"""The last of what was played, kept for the moment when something is lost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import Block, StreamFormat

__all__ = ["History"]

# Between two moves of what is kept, so many times its length goes by.
_ROOM = 8


class History:
    """The last samples of a stream. Adding to it costs one copy of what is added.

    Args:
        fmt: Format of the stream.
        n_samples: How many are kept; zeros until so many came.
    """

    def __init__(self, fmt: StreamFormat, n_samples: int) -> None:
        self._n_kept = n_samples
        self._room = fmt.silence(_ROOM * n_samples)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._end = self._n_kept
        self._room[: self._end] = 0.0

    def add(self, block: Block) -> None:
        """Take what was played, ``(samples, channels)``, any length."""
        n_samples = len(block)
        if n_samples > len(self._room) - self._end:
            block = block[-self._n_kept :]
            n_samples = len(block)
            n_left = self._n_kept - n_samples
            self._room[:n_left] = self._room[self._end - n_left : self._end].copy()
            self._end = n_left
        self._room[self._end : self._end + n_samples] = block
        self._end += n_samples

    def heard(self) -> NDArray[np.float64]:
        """Return all that is kept, the latest last, ``(samples, channels)``."""
        return self._room[self._end - self._n_kept : self._end].astype(np.float64)
