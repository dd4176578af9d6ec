"""How loud each hundredth of a second is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import Block, StreamFormat
from audiokit.vad.scorer import FRAMES_PER_SECOND

__all__ = ["FrameLevels"]

_LEAST_POWER = 1e-14


class FrameLevels:
    """Keep the level of every 10 ms, until it is no longer wanted.

    Frame ``k`` is the mean power from ``k`` to ``k + 1`` hundredths of a second, over all
    channels.

    Args:
        fmt: Format of the stream.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self.fmt = fmt
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._held = self.fmt.silence(0)
        self._n_frames = 0
        self._first_kept = 0
        self._levels_db: list[NDArray[np.float32]] = []

    def process(self, block: Block) -> None:
        """Take the next block."""
        held = np.concatenate([self._held, block])
        rate, at = self.fmt.sample_rate, self._start_of(self._n_frames)
        n_ready = (at + len(held)) * FRAMES_PER_SECOND // rate - self._n_frames
        if n_ready < 1:
            self._held = held
            return
        frames = np.arange(self._n_frames, self._n_frames + n_ready + 1)
        starts = frames * rate // FRAMES_PER_SECOND - at
        squares = np.square(held[: starts[-1]], dtype=np.float64).mean(axis=1)
        power = np.add.reduceat(squares, starts[:-1]) / np.diff(starts)
        self._levels_db.append((10.0 * np.log10(power + _LEAST_POWER)).astype(np.float32))
        self._held = held[starts[-1] :].copy()
        self._n_frames += n_ready

    def take(self, first: int, last: int) -> NDArray[np.float32]:
        """Return the levels of frames ``[first, last)``, in dB.

        Returns:
            ``(last - first,)``, -140 where the stream has not come to, or what is forgotten.
        """
        kept = np.concatenate([np.zeros(0, np.float32), *self._levels_db])
        levels = np.full(last - first, 10.0 * np.log10(_LEAST_POWER), np.float32)
        begin = max(first, self._first_kept)
        found = kept[begin - self._first_kept : max(0, last - self._first_kept)]
        levels[begin - first : begin - first + len(found)] = found
        return levels

    def forget(self, before: int) -> None:
        """Forget frames that lie before one, as far as that is no work."""
        n_parts = 0
        for part in self._levels_db:
            if self._first_kept + len(part) > before:
                break
            self._first_kept += len(part)
            n_parts += 1
        del self._levels_db[:n_parts]

    def _start_of(self, frame: int) -> int:
        return frame * self.fmt.sample_rate // FRAMES_PER_SECOND
