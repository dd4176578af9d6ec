"""What a family of features is."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from audiokit.features.transform import FrameGroup

__all__ = ["Family"]


class Family(ABC):
    """One family of features of one stream: named columns, and a row for each frame.

    Built anew for each stream, so it may remember; a row may come later than its frame.
    In the end there are as many rows as frames, and never more than frames so far.

    Attributes:
        columns: Name of each column, with its unit.
        late_frames: How many frames after its own a row is final, at most; infinite where
            rows wait for the end of the stream.
    """

    columns: tuple[str, ...]
    late_frames: float = 0

    def hear(self, mono: NDArray[np.float32]) -> None:  # noqa: B027  most look at frames alone
        """Take the next samples, ``(samples,)``, before the frames that they complete."""

    @abstractmethod
    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        """Take the next frames; return the rows that are now final, ``(rows, columns)``."""

    def finish(self) -> NDArray[np.float32]:
        """End the stream; return the remaining rows, ``(rows, columns)``."""
        return np.zeros((0, len(self.columns)), np.float32)
