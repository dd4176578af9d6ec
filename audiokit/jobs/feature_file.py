"""Feature rows as files, of each kind that ``format`` may name."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.files.atomic import replacing
from audiokit.files.json_rows import JsonRows, open_json_rows
from audiokit.files.npz import NpzWriter
from audiokit.jobs.feature_layout import FeatureLayout
from audiokit.jobs.feature_spans import Span, SpanColumns

__all__ = ["FeatureFile", "open_feature_file"]

Rows = NDArray[np.float32]


class FeatureFile(ABC):
    """Takes feature rows as they come.

    Args:
        layout: What they are.

    Attributes:
        keeps_spans: Whether what rows stand for is written at the end, not with each row.
    """

    keeps_spans: ClassVar[bool] = True

    def __init__(self, layout: FeatureLayout) -> None:
        self.layout = layout
        self.n_rows = 0
        self._spans = SpanColumns() if self.keeps_spans and layout.has_spans else None

    def append(self, rows: Rows, spans: Sequence[Span]) -> None:
        """Add rows, ``(rows, columns)``, and what they stand for where that is no frame."""
        self.write(rows, spans)
        self.n_rows += len(rows)
        if self._spans is not None:
            self._spans.append(spans)

    @abstractmethod
    def write(self, rows: Rows, spans: Sequence[Span]) -> None:
        """Write rows."""

    def finish(self) -> None:  # noqa: B027  most have said everything by then
        """End the stream."""

    def span_arrays(self) -> dict[str, NDArray[Any]]:
        """Return ``label``, ``start_s`` and ``end_s`` of all rows, where they stand for any."""
        return {} if self._spans is None else self._spans.arrays()


class _Npz(FeatureFile):
    """An array per family, its column names beside it, and the times."""

    def __init__(self, layout: FeatureLayout, writer: NpzWriter) -> None:
        super().__init__(layout)
        self._writer = writer
        for family, place in layout.families.items():
            writer.set(f"{family}_columns", np.array(layout.columns[place]))
        if not layout.has_spans:
            writer.set("first_frame_s", np.array(layout.first_frame_s))
            writer.set("hop_s", np.array(layout.hop_s))
        writer.set("frame_rule", np.array(layout.facts_json))
        self._append(np.zeros((0, len(layout.columns)), np.float32))

    def write(self, rows: Rows, spans: Sequence[Span]) -> None:
        del spans
        self._append(rows)

    def finish(self) -> None:
        for name, array in self.span_arrays().items():
            self._writer.set(name, array)

    def _append(self, rows: Rows) -> None:
        for family, place in self.layout.families.items():
            self._writer.append(family, np.ascontiguousarray(rows[:, place]))


class _Attributed(FeatureFile):
    """HDF5 or Zarr: an array per family, its column names beside it, the rest as attributes."""

    def __init__(self, layout: FeatureLayout, writer: Any) -> None:
        super().__init__(layout)
        self._writer = writer
        self._append(np.zeros((0, len(layout.columns)), np.float32))
        for family, place in layout.families.items():
            writer.name(f"{family}_columns", layout.columns[place])
        if not layout.has_spans:
            writer.note("first_frame_s", layout.first_frame_s)
            writer.note("hop_s", layout.hop_s)
        writer.note("frame_rule", layout.facts_json)

    def write(self, rows: Rows, spans: Sequence[Span]) -> None:
        del spans
        self._append(rows)

    def finish(self) -> None:
        for name, array in self.span_arrays().items():
            if name == "label":
                self._writer.name("label", array.tolist())
            else:
                self._writer.append(name, array)

    def _append(self, rows: Rows) -> None:
        for family, place in self.layout.families.items():
            self._writer.append(family, np.ascontiguousarray(rows[:, place]))


class _Plain(FeatureFile):
    """One matrix of all columns."""

    def __init__(self, layout: FeatureLayout, writer: Any) -> None:
        super().__init__(layout)
        self._writer = writer

    def write(self, rows: Rows, spans: Sequence[Span]) -> None:
        del spans
        self._writer.append(rows)


class _Spans(FeatureFile):
    """A Parquet table of stretches."""

    keeps_spans = False

    def __init__(self, layout: FeatureLayout, table: Any) -> None:
        super().__init__(layout)
        self._table = table

    def write(self, rows: Rows, spans: Sequence[Span]) -> None:
        self._table.append([(span.label, span.start_s, span.end_s) for span in spans], rows)


class _JsonLines(FeatureFile):
    """An object a row, pushed out at once."""

    keeps_spans = False

    def __init__(self, layout: FeatureLayout, lines: JsonRows) -> None:
        super().__init__(layout)
        self._lines = lines

    def write(self, rows: Rows, spans: Sequence[Span]) -> None:
        heads: list[Mapping[str, Any]] = [
            {"label": span.label, "start_s": span.start_s, "end_s": span.end_s} for span in spans
        ]
        if not self.layout.has_spans:
            times = range(self.n_rows, self.n_rows + len(rows))
            first_s, hop_s = self.layout.first_frame_s, self.layout.hop_s
            heads = [{"time_s": round(first_s + frame * hop_s, 9)} for frame in times]
        self._lines.append(heads, rows)


@contextmanager
def open_feature_file(
    target: Path | BinaryIO,
    layout: FeatureLayout,
    scratch: Path,
    *,
    form: str,
    beside: Mapping[str, tuple[Path, Path]],
) -> Iterator[FeatureFile]:
    """Open a file for feature rows.

    Args:
        target: The file, or a stream for ``jsonl``.
        layout: What the rows are.
        scratch: Folder for temporary files.
        form: One of ``audiokit.registry.FORMATS["features"]``.
        beside: What lies beside it, by its ending: where it is written now, and how the file
            that it goes with will be called: ``json``, ``scp``.

    Raises:
        SettingError: A stream was given for what is no text.
        MissingExtraError: What writes the file is not installed.
    """
    if form == "jsonl":
        with open_json_rows(target, layout.head(), layout.columns) as lines:
            yield _JsonLines(layout, lines)
        return
    if not isinstance(target, Path):
        raise SettingError("format", form, "jsonl where features go to a stream")
    with _OPENERS[form](target, layout, scratch) as file:
        yield file
        file.finish()
    if "json" in beside:
        _write_index(beside["json"][0], file)
    if "scp" in beside:
        from audiokit.files.kaldi_ark import write_script

        temporary, archive = beside["scp"]
        write_script(temporary, key=layout.key, archive=str(archive))


@contextmanager
def _open_npz(target: Path, layout: FeatureLayout, scratch: Path) -> Iterator[FeatureFile]:
    with NpzWriter(target, scratch) as writer:
        yield _Npz(layout, writer)


@contextmanager
def _open_npy(target: Path, layout: FeatureLayout, _scratch: Path) -> Iterator[FeatureFile]:
    from audiokit.files.npy import NpyWriter

    with NpyWriter(target, len(layout.columns)) as writer:
        yield _Plain(layout, writer)


@contextmanager
def _open_ark(target: Path, layout: FeatureLayout, _scratch: Path) -> Iterator[FeatureFile]:
    from audiokit.files.kaldi_ark import ArkWriter

    with ArkWriter(target, len(layout.columns), key=layout.key) as writer:
        yield _Plain(layout, writer)


@contextmanager
def _open_parquet(target: Path, layout: FeatureLayout, _scratch: Path) -> Iterator[FeatureFile]:
    facts = {"frame_rule": layout.facts_json}
    if layout.has_spans:
        from audiokit.files.span_table import SpanTable

        with SpanTable(target, layout.columns, source=layout.source, facts=facts) as spans:
            yield _Spans(layout, spans)
        return
    from audiokit.files.parquet import ParquetTable

    times = {"hop_s": layout.hop_s, "first_s": layout.first_frame_s}
    with ParquetTable(target, layout.columns, **times, facts=facts) as table:
        yield _Plain(layout, table)


@contextmanager
def _open_hdf5(target: Path, layout: FeatureLayout, _scratch: Path) -> Iterator[FeatureFile]:
    from audiokit.files.hdf5 import Hdf5Writer

    with Hdf5Writer(target) as writer:
        yield _Attributed(layout, writer)


@contextmanager
def _open_zarr(target: Path, layout: FeatureLayout, _scratch: Path) -> Iterator[FeatureFile]:
    from audiokit.files.zarr_folder import ZarrWriter

    with ZarrWriter(target) as writer:
        yield _Attributed(layout, writer)


def _write_index(target: Path, file: FeatureFile) -> None:
    """Write columns, times and frame rule as JSON."""
    families = {name: [p.start, p.stop] for name, p in file.layout.families.items()}
    index = file.layout.head() | {"families": families, "n_rows": file.n_rows}
    index |= {name: array.tolist() for name, array in file.span_arrays().items()}
    with replacing(target) as temporary:
        text = json.dumps(index, ensure_ascii=False, indent=1, allow_nan=False)
        temporary.write_bytes((text + "\n").encode("utf-8", "backslashreplace"))


_OPENERS: Mapping[str, Callable[[Path, FeatureLayout, Path], Any]] = {
    "npz": _open_npz,
    "npy": _open_npy,
    "parquet": _open_parquet,
    "hdf5": _open_hdf5,
    "zarr": _open_zarr,
    "ark": _open_ark,
}
