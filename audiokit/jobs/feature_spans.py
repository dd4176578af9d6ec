"""What a row of a feature file stands for: a frame, a window, a segment or the file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.features.summary import summarize
from audiokit.features.windows import WindowSummary
from audiokit.files.row_spool import RowSpool
from audiokit.vad.segments import Segment

__all__ = ["FrameRows", "FrameTimes", "RowMaker", "Span", "SpanColumns", "SpanRows",
           "WindowRows"]  # fmt: skip

Rows = NDArray[np.float32]
# More rows of one stretch than this are read from disk twice, and never held at once.
_MOST_HELD = 16384
_ROUNDED_S = 0.001


@dataclass(frozen=True, slots=True)
class Span:
    """What a row stands for: ``[start_s, end_s)``."""

    label: str
    start_s: float
    end_s: float


class SpanColumns:
    """What many rows stand for, in 20 bytes each."""

    def __init__(self) -> None:
        self._starts_s, self._ends_s = array("d"), array("d")
        self._numbers = array("I")
        self._labels: dict[str, int] = {}

    def append(self, spans: Sequence[Span]) -> None:
        """Take what the next rows stand for."""
        for span in spans:
            self._starts_s.append(span.start_s)
            self._ends_s.append(span.end_s)
            self._numbers.append(self._labels.setdefault(span.label, len(self._labels)))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return ``label``, ``start_s`` and ``end_s`` of all rows, ``(rows,)`` each."""
        return {
            "label": np.array(list(self._labels), np.str_)[np.array(self._numbers)],
            "start_s": np.array(self._starts_s),
            "end_s": np.array(self._ends_s),
        }


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """Where frames lie: the first one's centre, and from one to the next, in s."""

    first_s: float
    hop_s: float

    def first_at(self, time_s: float) -> int:
        """Return the number of the first frame whose centre is at a time or later."""
        # Rounding does not move a centre over a border that it lies on.
        return max(0, int(np.ceil((time_s - self.first_s) / self.hop_s - 1e-6)))


class RowMaker(ABC):
    """Takes frames, ``(frames, columns)``; gives the rows of a file, with what they stand for.

    Attributes:
        warnings: What the user should know.
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []

    @abstractmethod
    def push(self, rows: Rows) -> Iterator[tuple[Sequence[Span], Rows]]:
        """Take the next frames; yield the rows that are final."""

    @abstractmethod
    def finish(self, segments: Sequence[Segment], duration_s: float) -> Iterator[
        tuple[Sequence[Span], Rows]
    ]:  # fmt: skip
        """End the stream; yield the remaining rows.

        Args:
            segments: What was found or named in the recording.
            duration_s: How long it was.
        """

    def close(self) -> None:  # noqa: B027  a maker that holds nothing leaves it so
        """Give back what is held, whether or not the stream came to its end."""


class FrameRows(RowMaker):
    """A row for each frame, which stands for nothing else."""

    def push(self, rows: Rows) -> Iterator[tuple[Sequence[Span], Rows]]:
        yield (), rows

    def finish(
        self, segments: Sequence[Segment], duration_s: float
    ) -> Iterator[tuple[Sequence[Span], Rows]]:
        del segments, duration_s
        yield from ()


class WindowRows(RowMaker):
    """A row for each window, as soon as it is over.

    Args:
        windows: Sums them up.
        window_s: How long one is.
    """

    def __init__(self, windows: WindowSummary, *, window_s: float) -> None:
        super().__init__()
        self._windows, self._window_s = windows, window_s

    def push(self, rows: Rows) -> Iterator[tuple[Sequence[Span], Rows]]:
        numbers, summed = self._windows.push(rows)
        yield [self._span(number) for number in numbers], summed

    def finish(
        self, segments: Sequence[Segment], duration_s: float
    ) -> Iterator[tuple[Sequence[Span], Rows]]:
        del segments
        numbers, summed = self._windows.finish(duration_s)
        spans = [self._span(number) for number in numbers]
        yield [Span(s.label, s.start_s, min(s.end_s, duration_s)) for s in spans], summed

    def _span(self, number: int) -> Span:
        # To the nanosecond: 3 times 0.1 is 0.3.
        start_s, end_s = (round((number + k) * self._window_s, 9) for k in (0, 1))
        return Span("window", start_s, end_s)


class SpanRows(RowMaker):
    """A row for the whole file, or for each segment; the frames wait on disk.

    Args:
        columns: Names of the frames' columns.
        summaries: What they are summed up as.
        times: Where the frames lie.
        scratch: Folder for temporary files.
        is_whole: One row for all, else one a segment.
    """

    def __init__(
        self,
        columns: tuple[str, ...],
        summaries: Sequence[str],
        *,
        times: FrameTimes,
        scratch: Path,
        is_whole: bool,
    ) -> None:
        super().__init__()
        self._columns, self._summaries = columns, summaries
        self._times, self._is_whole = times, is_whole
        self._spool = RowSpool(len(columns), scratch)

    def push(self, rows: Rows) -> Iterator[tuple[Sequence[Span], Rows]]:
        self._spool.append(rows)
        yield from ()

    def finish(
        self, segments: Sequence[Segment], duration_s: float
    ) -> Iterator[tuple[Sequence[Span], Rows]]:
        if self._is_whole:
            if self._spool.n_rows:
                yield [Span("file", 0.0, duration_s)], self._summed(0, self._spool.n_rows)
            return
        n_without = n_cut = 0
        for segment in segments:
            start = self._times.first_at(segment.start_s)
            stop = min(self._times.first_at(segment.end_s), self._spool.n_rows)
            if start >= stop:
                n_without += 1
                continue
            # To the millisecond: labels are rounded to that.
            n_cut += segment.end_s > duration_s + _ROUNDED_S
            end_s = min(float(segment.end_s), duration_s)
            span = Span(segment.label, float(segment.start_s), end_s)
            yield [span], self._summed(start, stop)
        if n_cut:
            says = "segment ends" if n_cut == 1 else "segments end"
            is_cut = "is" if n_cut == 1 else "are"
            place = f"after the recording, at {duration_s:.4g} s"
            self.warnings.append(f"{n_cut} {says} {place}, and {is_cut} cut there")
        if n_without:
            noun = (
                "segment holds no frame and has"
                if n_without == 1
                else "segments hold no frame and have"
            )
            self.warnings.append(f"{n_without} {noun} no row")

    def close(self) -> None:
        self._spool.close()

    def _summed(self, start: int, stop: int) -> Rows:
        pieces = self._spool.rows(start, stop)
        if stop - start <= _MOST_HELD:
            held = np.concatenate(list(pieces))
            pieces = iter([held])
        else:
            held = None
        summed = summarize(
            pieces,
            lambda number: (
                self._spool.column(number, start, stop) if held is None else held[:, number]
            ),
            columns=self._columns,
            summaries=self._summaries,
            hop_s=self._times.hop_s,
        )
        return summed[np.newaxis]
