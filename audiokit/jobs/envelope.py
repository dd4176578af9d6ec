"""The outline of a recording as an editor shows it, in bounded memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import Block, StreamFormat

__all__ = ["Envelope"]

# Between this and twice as many columns are kept: what a wide screen shows.
_COLUMNS = 1200


class Envelope:
    """Gather the lowest and highest sample of each stretch of a stream.

    A column is one sample at first; each time there are 2400, neighbours are merged in pairs,
    so that a day takes as much memory as a minute, and no peak is ever lost.

    Args:
        fmt: Format of the stream.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self.fmt = fmt
        self.n_samples = 0
        self._samples_per_column = 1
        self._begun = fmt.silence(0)
        self._lows, self._highs = fmt.silence(0), fmt.silence(0)

    def update(self, block: Block) -> None:
        """Take the next block, ``(samples, channels)``."""
        self.n_samples += len(block)
        items = np.concatenate([self._begun, block]) if len(self._begun) else block
        while len(items) >= self._samples_per_column:
            room = 2 * _COLUMNS - len(self._lows)
            n_new = min(room, len(items) // self._samples_per_column)
            taken = n_new * self._samples_per_column
            self._append(items[:taken].reshape(n_new, self._samples_per_column, -1))
            items = items[taken:]
            if len(self._lows) == 2 * _COLUMNS:
                self._halve()
        # A copy: the caller may reuse its block.
        self._begun = items.copy()

    def columns(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the lowest and the highest sample of each column, ``(columns, channels)``.

        The last column may be shorter than the others.
        """
        if not len(self._begun):
            return self._lows, self._highs
        last = self._begun[np.newaxis]
        return (
            np.concatenate([self._lows, last.min(axis=1)]),
            np.concatenate([self._highs, last.max(axis=1)]),
        )

    @property
    def column_s(self) -> float:
        """How long a column is, in s."""
        return self.fmt.seconds(self._samples_per_column)

    def _append(self, stretches: NDArray[np.float32]) -> None:
        self._lows = np.concatenate([self._lows, stretches.min(axis=1)])
        self._highs = np.concatenate([self._highs, stretches.max(axis=1)])

    def _halve(self) -> None:
        pairs = (_COLUMNS, 2, self.fmt.channels)
        self._lows = self._lows.reshape(pairs).min(axis=1)
        self._highs = self._highs.reshape(pairs).max(axis=1)
        self._samples_per_column *= 2
