"""Feature frames as files: ``.npz`` by family, or Parquet with a row per frame."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import item_error_from_os
from audiokit.files.npz import NpzWriter
from audiokit.files.parquet import ParquetTable

if TYPE_CHECKING:
    from audiokit.features.extractor import FeatureExtractor

__all__ = ["FeatureFile", "open_feature_file"]

_ROWS_AT_ONCE = 16384


class FeatureFile(ABC):
    """Takes feature frames as they come."""

    @abstractmethod
    def append(self, frames: NDArray[np.float32]) -> None:
        """Add frames, ``(frames, columns)``."""


class _Npz(FeatureFile):
    """An array per family, its column names beside it, and the times."""

    def __init__(self, extractor: FeatureExtractor, writer: NpzWriter) -> None:
        self._families, self._writer = extractor.families, writer
        for family, place in extractor.families.items():
            writer.set(f"{family}_columns", np.array(extractor.columns[place]))
        writer.set("first_frame_s", np.array(extractor.frame_time_s(0)))
        writer.set("hop_s", np.array(extractor.hop_s))

    def append(self, frames: NDArray[np.float32]) -> None:
        for family, place in self._families.items():
            self._writer.append(family, np.ascontiguousarray(frames[:, place]))


class _Parquet(FeatureFile):
    """A row per frame, a column per feature, the time first."""

    def __init__(self, table: ParquetTable) -> None:
        self._table = table

    def append(self, frames: NDArray[np.float32]) -> None:
        self._table.append(frames)


class _WhisperSpool(FeatureFile):
    """Holds Whisper's rows on disk until the loudest band of all is known."""

    def __init__(self, extractor: FeatureExtractor, spool: BinaryIO, *, target: Path) -> None:
        self._mel = extractor.families["mel"]
        self._n_columns = len(extractor.columns)
        self._spool, self._target = spool, target
        self._loudest = -np.inf

    def append(self, frames: NDArray[np.float32]) -> None:
        if not len(frames):
            return
        self._loudest = max(self._loudest, float(frames[:, self._mel].max()))
        try:
            self._spool.write(frames.tobytes())
        except OSError as error:
            raise item_error_from_os(error, str(self._target)) from error

    def move_to(self, file: FeatureFile) -> None:
        """Give all rows, as the encoder takes them, to a file."""
        from audiokit.features.whisper import whisper_input

        self._spool.seek(0)
        row_bytes = self._n_columns * np.dtype(np.float32).itemsize
        while piece := self._spool.read(_ROWS_AT_ONCE * row_bytes):
            frames = np.frombuffer(bytearray(piece), np.float32).reshape(-1, self._n_columns)
            frames[:, self._mel] = whisper_input(frames[:, self._mel], loudest=self._loudest)
            file.append(frames)


@contextmanager
def open_feature_file(
    target: Path, extractor: FeatureExtractor, scratch: Path, *, form: str
) -> Iterator[FeatureFile]:
    """Open a file for an extractor's frames.

    Whisper's frames are brought to the file's own range when the last has come.

    Args:
        target: The file.
        extractor: Whose frames will come.
        scratch: Folder for temporary files.
        form: ``npz`` or ``parquet``.
    """
    with _open_plain(target, extractor, scratch, form=form) as file:
        if extractor.settings.preset != "whisper" or "mel" not in extractor.families:
            yield file
            return
        with TemporaryFile("w+b", dir=scratch) as opened:
            spool = _WhisperSpool(extractor, opened, target=target)
            yield spool
            spool.move_to(file)


@contextmanager
def _open_plain(
    target: Path, extractor: FeatureExtractor, scratch: Path, *, form: str
) -> Iterator[FeatureFile]:
    if form == "npz":
        with NpzWriter(target, scratch) as writer:
            yield _Npz(extractor, writer)
        return
    times = {"hop_s": extractor.hop_s, "first_s": extractor.frame_time_s(0)}
    with ParquetTable(target, extractor.columns, **times) as table:
        yield _Parquet(table)
