"""Rows in short, window after window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.features.summary import summarize, summary_columns

__all__ = ["WindowSummary"]

_LONGEST_S = 3600.0


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
        numbers: list[int] = []
        summed: list[NDArray[np.float32]] = []
        start = 0
        while start < len(rows):
            room = self._stop(self._window) - self._n_done - self._n_held
            taken = rows[start : start + room]
            start += len(taken)
            self._hold(taken)
            if len(taken) == room:
                self._close(numbers, summed)
        return numbers, self._table(summed)

    def finish(self, duration_s: float) -> tuple[list[int], NDArray[np.float32]]:
        """End the stream; return its last window, unless that begins where the stream ends.

        Args:
            duration_s: How long the stream was.
        """
        numbers: list[int] = []
        summed: list[NDArray[np.float32]] = []
        is_within = self._window == 0 or self._window * self._window_s < duration_s - 1e-9
        if self._n_held and is_within:
            self._close(numbers, summed)
        return numbers, self._table(summed)

    def _stop(self, window: int) -> int:
        """Return the number of the first row behind a window."""
        end_s = (window + 1) * self._window_s - self._first_s
        # A centre on the border belongs to the window behind; rounding does not move it.
        return max(0, int(np.ceil(end_s / self._hop_s - 1e-6)))

    def _hold(self, rows: NDArray[np.float32]) -> None:
        if len(rows):
            self._held.append(rows.copy())
            self._n_held += len(rows)

    def _close(self, numbers: list[int], summed: list[NDArray[np.float32]]) -> None:
        if self._n_held:
            rows = np.concatenate(self._held)
            summed.append(
                summarize(
                    [rows],
                    lambda number: rows[:, number],
                    columns=self._source,
                    summaries=self._summaries,
                    hop_s=self._hop_s,
                )
            )
            numbers.append(self._window)
        self._n_done += self._n_held
        self._held, self._n_held = [], 0
        self._window += 1

    def _table(self, summed: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        empty = np.zeros((0, len(self.columns)), np.float32)
        return np.stack(summed) if summed else empty
