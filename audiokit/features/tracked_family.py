"""What the families that follow the pitch share."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from audiokit.features.family import Family
from audiokit.features.plan import Plan
from audiokit.features.transform import FrameGroup

__all__ = ["TrackedFamily"]


class TrackedFamily(Family):
    """Rows made from the pitch track, brought to the frames.

    The row of a frame is that of the tracked frame at the same place; where the parts of a
    hop do not divide it, of the nearest, at most half a part away.

    Args:
        plan: Where frames lie, and the track.
        more_parts: For how many tracked frames a row waits, beyond the track itself.
    """

    def __init__(self, plan: Plan, *, more_parts: int = 0) -> None:
        grid, track = plan.grid, plan.pitch_track
        self._reader = track.reader()
        self._hop_samples, self._part_samples = grid.hop_samples, track.hop_samples
        self._held = np.zeros((0, len(self.columns)), np.float32)
        # Number of the first row held; frames that have come; rows given.
        self._first, self._n_frames, self._n_given = 0, 0, 0
        is_exact = self._hop_samples % self._part_samples == 0
        late_samples = self._reader.late_samples + more_parts * self._part_samples
        late_samples += 0 if is_exact else self._part_samples // 2 + 1
        # A frame itself comes when its window is whole.
        late_samples -= grid.window_samples - grid.lead_samples - grid.first_centre_samples
        late_frames = max(0.0, late_samples / self._hop_samples)
        self.late_frames = math.ceil(late_frames) if math.isfinite(late_frames) else math.inf

    @abstractmethod
    def follow(
        self, track: NDArray[np.float32], mono: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """Return the rows of the family that now stand, ``(tracked frames, columns)``.

        Args:
            track: What has come of the pitch, ``(tracked frames, 3)``.
            mono: The samples that brought it, ``(samples,)``; None at the end.
        """

    def hear(self, mono: NDArray[np.float32]) -> None:
        self._hold(self.follow(self._reader.hear(mono), mono))

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        self._n_frames += len(group.samples)
        # Rows come by several at once: for most live blocks there is none.
        return self._due() if len(self._held) else self._held

    def finish(self) -> NDArray[np.float32]:
        self._hold(self.follow(self._reader.finish(), None))
        # The part nearest to the last frame may lie beyond the end.
        self._hold(self._held[-1:])
        return self._due()

    def _hold(self, rows: NDArray[np.float32]) -> None:
        if len(rows):
            self._held = np.concatenate([self._held, rows])

    def _due(self) -> NDArray[np.float32]:
        """Return the rows of frames that have come, as far as they are known."""
        frames = np.arange(self._n_given, self._n_frames + 1)
        parts = (2 * frames * self._hop_samples + self._part_samples) // (2 * self._part_samples)
        places = parts - self._first
        n_due = min(len(frames) - 1, int(np.searchsorted(places, len(self._held))))
        rows: NDArray[np.float32] = self._held[places[:n_due]]
        n_past = min(int(places[n_due]), len(self._held))
        self._held = self._held[n_past:]
        self._first += n_past
        self._n_given += n_due
        return rows
