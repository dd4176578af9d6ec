"""What rows of features pass through before they are written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audiokit.features.column_statistics import StatisticsMeter
from audiokit.features.row_scaling import RowScaler
from audiokit.features.sliding import SlidingNormalizer
from audiokit.files.row_spool import RowSpool

if TYPE_CHECKING:
    from audiokit.features.extractor import FeatureExtractor
    from audiokit.jobs.feature_statistics import SavedStatistics
    from audiokit.jobs.feature_write import FeatureWriteSettings

__all__ = ["RowStep", "normalizer_of", "whisper_step"]

Rows = NDArray[np.float32]


class RowStep(ABC):
    """Takes rows, ``(rows, columns)``, and gives as many; at once, or at the end."""

    @abstractmethod
    def push(self, rows: Rows) -> Iterator[Rows]:
        """Take the next rows; yield those that are final."""

    def finish(self) -> Iterator[Rows]:
        """End the stream; yield the remaining rows."""
        yield from ()

    def close(self) -> None:  # noqa: B027  a step that holds nothing leaves it so
        """Give back what is held, whether or not the stream came to its end."""


class _Sliding(RowStep):
    def __init__(self, normalizer: SlidingNormalizer) -> None:
        self._normalizer = normalizer

    def push(self, rows: Rows) -> Iterator[Rows]:
        yield self._normalizer.push(rows)


class _Scaled(RowStep):
    def __init__(self, scaler: RowScaler) -> None:
        self._scaler = scaler

    def push(self, rows: Rows) -> Iterator[Rows]:
        yield self._scaler.scale(rows)


class _TwoPass(RowStep):
    """Learns from all rows, which wait on disk, then changes each."""

    def __init__(self, n_columns: int, scratch: Path) -> None:
        self._spool = RowSpool(n_columns, scratch)

    def push(self, rows: Rows) -> Iterator[Rows]:
        self._learn(rows)
        self._spool.append(rows)
        yield from ()

    def finish(self) -> Iterator[Rows]:
        yield from map(self._change, self._spool.rows())

    def close(self) -> None:
        self._spool.close()

    @abstractmethod
    def _learn(self, rows: Rows) -> None: ...

    @abstractmethod
    def _change(self, rows: Rows) -> Rows: ...


class _ScaledByItself(_TwoPass):
    """Scales a recording by its own statistics."""

    def __init__(self, columns: tuple[str, ...], scratch: Path, *, to: str) -> None:
        super().__init__(len(columns), scratch)
        self._meter, self._to = StatisticsMeter(columns), to
        self._scaler: RowScaler | None = None

    def _learn(self, rows: Rows) -> None:
        self._meter.push(rows)

    def _change(self, rows: Rows) -> Rows:
        self._scaler = self._scaler or RowScaler(self._meter.result(), to=self._to)
        return self._scaler.scale(rows)


class _Whisper(_TwoPass):
    """Brings Whisper's rows to the range of the file's loudest band."""

    def __init__(self, extractor: FeatureExtractor, scratch: Path) -> None:
        super().__init__(len(extractor.columns), scratch)
        self._mel = extractor.families["mel"]
        self._loudest = -np.inf

    def _learn(self, rows: Rows) -> None:
        if len(rows):
            self._loudest = max(self._loudest, float(rows[:, self._mel].max()))

    def _change(self, rows: Rows) -> Rows:
        from audiokit.features.whisper import whisper_input

        changed: Rows = rows.copy()
        changed[:, self._mel] = whisper_input(rows[:, self._mel], loudest=self._loudest)
        return changed


def whisper_step(extractor: FeatureExtractor, scratch: Path) -> RowStep | None:
    """Return what makes an extractor's rows Whisper's input; None where they are not for it.

    Args:
        extractor: Whose rows.
        scratch: Folder for temporary files.
    """
    is_due = extractor.settings.preset == "whisper" and "mel" in extractor.families
    return _Whisper(extractor, scratch) if is_due else None


def normalizer_of(
    extractor: FeatureExtractor,
    settings: FeatureWriteSettings,
    scratch: Path,
    *,
    saved: SavedStatistics | None,
    speaker: str,
) -> RowStep | None:
    """Return what normalises an extractor's rows; None where nothing shall.

    Args:
        extractor: Whose rows.
        settings: How.
        scratch: Folder for temporary files.
        saved: Statistics that were made before.
        speaker: Whose of them.

    Raises:
        SettingError: The statistics do not know the speaker.
    """
    columns = tuple(extractor.columns)
    to = "mean" if settings.mean_only else "standard"
    if settings.normalize == "none":
        return None
    if settings.normalize == "sliding":
        return _Sliding(
            SlidingNormalizer(
                columns,
                window_rows=max(1, round(settings.sliding_window_s / extractor.hop_s)),
                is_divided=not settings.mean_only,
                prior=None if saved is None else saved.pooled(),
            )
        )
    if settings.normalize == "minmax":
        to = "range"
    if saved is None:
        return _ScaledByItself(columns, scratch, to=to)
    is_own = settings.normalize == "speaker"
    return _Scaled(RowScaler(saved.of(speaker) if is_own else saved.pooled(), to=to))
