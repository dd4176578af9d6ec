"""Feature frames as files: ``.npz`` by family, or Parquet with a row per frame."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audiokit.files.npz import NpzWriter
from audiokit.files.parquet import ParquetTable

if TYPE_CHECKING:
    from audiokit.features.extractor import FeatureExtractor

__all__ = ["FeatureFile", "open_feature_file"]


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


@contextmanager
def open_feature_file(
    target: Path, extractor: FeatureExtractor, scratch: Path, *, form: str
) -> Iterator[FeatureFile]:
    """Open a file for an extractor's frames.

    Args:
        target: The file.
        extractor: Whose frames will come.
        scratch: Folder for temporary files.
        form: ``npz`` or ``parquet``.
    """
    if form == "npz":
        with NpzWriter(target, scratch) as writer:
            yield _Npz(extractor, writer)
        return
    times = {"hop_s": extractor.hop_s, "first_s": extractor.frame_time_s(0)}
    with ParquetTable(target, extractor.columns, **times) as table:
        yield _Parquet(table)
