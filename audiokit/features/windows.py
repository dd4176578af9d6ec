"""Rows in short, window after window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.features.summary import summarize, summarize_stretches, summary_columns

__all__ = ["WindowSummary"]

_LONGEST_S = 3600.0
# Longer windows are few, and are summed up one by one in constant memory.
_SHORT_ROWS = 256
_ROWS_AT_ONCE = 2048


class WindowSummary:
    """Sum rows up over windows of one length, each as soon as its last row is there.

    A row belongs to the window that its frame's centre lies in. However the rows are cut,
    the bits are the same. Memory: the rows of a window.

    Args:
        columns: Names of the columns.
        summaries: See `audiokit.features.summary`.
        window_s: Length of a window, a hop to 3600.
        hop_s: From one row to the next.
        first_s: Time of the first row.

    Attributes:
        columns: Names of the columns that come out.

    Raises:
        SettingError: The window is too short or too long.
    """

    def __init__(
        self,
        columns: tuple[str, ...],
        summaries: Sequence[str],
        *,
        window_s: float,
        hop_s: float,
        first_s: float,
    ) -> None:
        if not hop_s <= window_s <= _LONGEST_S:
            raise SettingError("window_s", window_s, f"{hop_s:g} (a hop) to {_LONGEST_S:g} s")
        self.columns = summary_columns(columns, summaries)
        self._source, self._summaries = columns, tuple(summaries)
        self._window_s, self._hop_s, self._first_s = window_s, hop_s, first_s
        self._held: list[NDArray[np.float32]] = []
        self._n_held = self._n_done = 0
        self._window = 0

    def push(self, rows: NDArray[np.float32]) -> tuple[list[int], NDArray[np.float32]]:
        """Take the next rows, ``(rows, columns)``.

        Returns:
            Numbers of the windows that are now complete, and ``(windows, columns)``.
        """
        self._held.append(rows.copy())
        self._n_held += len(rows)
        stops = self._stops_within(self._n_done + self._n_held)
        if not len(stops):
            return [], np.zeros((0, len(self.columns)), np.float32)
        held = np.concatenate(self._held)
        starts = np.append(self._n_done, stops[:-1]) - self._n_done
        counts = stops - self._n_done - starts
        summed = np.empty((len(stops), len(self.columns)), np.float32)
        # Windows hold one number of rows, or, where a hop is no part of them, two.
        for count in np.unique(counts[counts > 0]):
            alike = np.flatnonzero(counts == count)
            n_at_once = max(1, _ROWS_AT_ONCE // int(count))
            for first in range(0, len(alike), n_at_once):
                some = alike[first : first + n_at_once]
                summed[some] = self._summed(held[starts[some, np.newaxis] + np.arange(count)])
        numbers = self._window + np.flatnonzero(counts)
        self._window += len(stops)
        self._held = [held[stops[-1] - self._n_done :].copy()]
        self._n_done, self._n_held = int(stops[-1]), len(self._held[0])
        return numbers.tolist(), summed[counts > 0]

    def finish(self, duration_s: float) -> tuple[list[int], NDArray[np.float32]]:
        """End the stream; return its last window, unless that begins where the stream ends.

        Args:
            duration_s: How long the stream was.
        """
        is_within = self._window == 0 or self._window * self._window_s < duration_s - 1e-9
        if not self._n_held or not is_within:
            return [], self._summed(np.zeros((0, 1, len(self._source)), np.float32))
        return [self._window], self._summed(np.concatenate(self._held)[np.newaxis])

    def _stops_within(self, n_rows: int) -> NDArray[np.int64]:
        """Return the number of the first row behind each further window that is complete."""
        most = int((n_rows * self._hop_s + self._first_s) / self._window_s) + 2
        ends_s = np.arange(self._window + 1, max(self._window, most) + 1) * self._window_s
        # A centre on the border belongs to the window behind; rounding does not move it.
        stops = np.ceil((ends_s - self._first_s) / self._hop_s - 1e-6)
        within: NDArray[np.int64] = np.maximum(stops, 0.0).astype(np.int64)
        return within[: np.count_nonzero(within <= n_rows)]

    def _summed(self, stretches: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return stretches of one length in short, ``(stretches, columns)``."""
        columns, hop_s, summaries = self._source, self._hop_s, self._summaries
        if stretches.shape[1] <= _SHORT_ROWS:
            return summarize_stretches(
                stretches, columns=columns, summaries=summaries, hop_s=hop_s
            )
        return np.stack(
            [
                summarize(
                    [rows], rows.T.__getitem__, columns=columns, summaries=summaries,
                    hop_s=hop_s,
                )
                for rows in stretches
            ]
        )  # fmt: skip
