"""The pitch of a stream, tracked once for all families that want it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from audiokit.features.grid import FrameGrid
from audiokit.features.pitch import PitchTracker
from audiokit.features.pitch_candidates import FITTED_HOP_MS
from audiokit.features.pitch_settings import PITCH_COLUMNS, PitchSettings
from audiokit.stage import StreamFormat

__all__ = ["PitchReader", "PitchTrack"]


class PitchTrack:
    """One tracker for all families of one stream.

    A long hop is tracked in equal parts near 10 ms, which is what the tracker was fitted to.

    Args:
        grid: Where the frames of the families lie. Tracking begins at their first centre.
        settings: Engine and range; the hop is the grid's.

    Attributes:
        hop_samples: From one tracked frame to the next.
        skipped_samples: Where the first of them lies in the stream.
        fmin_hz: Lowest pitch that is looked for.
    """

    def __init__(self, grid: FrameGrid, settings: PitchSettings) -> None:
        self._fmt = StreamFormat(grid.sample_rate)
        hop_ms = 1000.0 * grid.hop_samples / grid.sample_rate
        self.hop_samples = grid.hop_samples // max(1, round(hop_ms / FITTED_HOP_MS))
        self.skipped_samples = int(grid.first_centre_samples)
        self.fmin_hz = settings.fmin_hz
        self._settings = settings
        self._tracker: PitchTracker | None = None
        self._readers: list[PitchReader] = []
        self._n_to_skip = self.skipped_samples

    def reader(self) -> PitchReader:
        """Return what brings the rows to one more family.

        The reader that was asked for first must hear samples before the others do.

        Raises:
            SettingError: Pitch cannot be tracked at this rate or hop.
        """
        if self._tracker is None:
            hop_ms = 1000.0 * self.hop_samples / self._fmt.sample_rate
            self._tracker = PitchTracker(self._fmt, replace(self._settings, hop_ms=hop_ms))
        reader = PitchReader(self, late_samples=self._tracker.latency_s * self._fmt.sample_rate)
        self._readers.append(reader)
        return reader

    def hear(self, reader: PitchReader, mono: NDArray[np.float32] | None) -> None:
        """Take samples from one of the readers, or None for the end; one of them is enough."""
        if self._tracker is None or reader is not self._readers[0]:
            return
        if mono is None:
            rows = self._tracker.flush()
        else:
            heard = mono[self._n_to_skip :]
            self._n_to_skip -= len(mono) - len(heard)
            rows = self._tracker.process(heard[:, np.newaxis])
        for one in self._readers:
            one.rows.append(rows)


class PitchReader:
    """Brings the rows of a track to one family.

    Args:
        track: Whose rows.
        late_samples: How long after the centre of its frame a row comes, at most; infinite
            where it comes at the end of the stream.

    Attributes:
        rows: Those that are not taken yet.
    """

    def __init__(self, track: PitchTrack, *, late_samples: float) -> None:
        self._track = track
        self.late_samples = late_samples
        self.rows: list[NDArray[np.float32]] = []

    def hear(self, mono: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take samples ``(samples,)``; return the rows that now stand, ``(rows, 3)``."""
        self._track.hear(self, mono)
        return self._taken()

    def finish(self) -> NDArray[np.float32]:
        """End the stream; return the remaining rows."""
        self._track.hear(self, None)
        return self._taken()

    def _taken(self) -> NDArray[np.float32]:
        rows, self.rows = self.rows, []
        if len(rows) == 1:
            return rows[0]
        return np.concatenate([np.zeros((0, len(PITCH_COLUMNS)), np.float32), *rows])
