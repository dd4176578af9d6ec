"""Parquet tables, row group by row group: same bytes every time, memory that does not grow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, final

import numpy as np

from audiokit.errors import BlockError, SettingError
from audiokit.files.atomic import replacing
from audiokit.files.row_groups import RowGroups
from audiokit.files.staged import StagedOutput
from audiokit.stage import Block

__all__ = ["KINDS", "ParquetTable", "parquet_from_json_lines", "parquet_writer"]

KINDS = ("string", "int", "float", "bool", "list<string>")
"""What a column of a manifest can hold; every one of them, or nothing (null)."""

# More than the longest row: Arrow refuses a line that spans two whole batches.
_BATCH_BYTES = 1 << 23
_FRAMES_PER_GROUP = 16384


def parquet_from_json_lines(source: Path, target: Path, schema: Mapping[str, str]) -> None:
    """Turn a file of JSON lines into a Parquet file that takes its place when it is whole.

    Read and written in batches by Arrow itself: no row becomes a Python object again.

    Args:
        source: One object a line; keys outside the schema are left out.
        target: The file; its folders are made.
        schema: Column to kind, one of `KINDS`; a row without the key holds null.

    Raises:
        SettingError: The schema names another kind, or a value does not fit its column.
        DiskFullError: No space is left.
        PermissionDeniedError: The place may not be written.
        ResourceError: Another fault of the disk.
    """
    import pyarrow as pa
    from pyarrow import json

    columns = pa.schema([(name, _arrow_type(name, kind)) for name, kind in schema.items()])
    # One thread: batches in order, and no pool for a few hundred lines.
    reading = json.ReadOptions(use_threads=False, block_size=_BATCH_BYTES)
    parsing = json.ParseOptions(explicit_schema=columns, unexpected_field_behavior="ignore")
    with replacing(target) as temporary, parquet_writer(temporary, columns) as writer:
        if not source.stat().st_size:
            return
        try:
            with json.open_json(str(source), reading, parsing) as batches:
                for batch in batches:
                    writer.write_batch(batch.select(columns.names))
        except pa.ArrowInvalid as error:
            raise SettingError(source.name, str(error), "rows that fit the schema") from error


@final
class ParquetTable(StagedOutput):
    """Write feature frames to a Parquet file: their time, then one float32 column each.

    A context manager: on a clean exit the file takes its place; after an error nothing
    is left. However the frames are cut, the bytes are the same.

    Args:
        target: The file; its folders are made.
        columns: Their names, in order; ``time_s`` (float64) stands before them.
        hop_s: From one frame to the next.
        first_s: Time of the first frame.
        facts: Text by name that is stored with the table.

    Raises:
        SettingError: Two columns have one name.
    """

    def __init__(
        self,
        target: Path,
        columns: Sequence[str],
        *,
        hop_s: float,
        first_s: float = 0.0,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        if len(set(columns)) != len(columns):
            raise SettingError("columns", list(columns), "names that differ")
        super().__init__()
        self._target = target
        self._columns = tuple(columns)
        self._facts = dict(facts or {})
        self._hop_s, self._first_s = hop_s, first_s
        self._n_written = 0
        self._groups = RowGroups(_FRAMES_PER_GROUP)

    def append(self, frames: Block) -> None:
        """Add frames, float32, ``(frames, columns)``.

        Raises:
            BlockError: They have another shape.
            OSError: A fault of the disk, which the ``with`` statement turns into a
                `ResourceError`.
        """
        if frames.ndim != 2 or frames.shape[1] != len(self._columns):
            raise BlockError(f"has shape {frames.shape}", f"(frames, {len(self._columns)})")
        for group in self._groups.push(frames.astype(np.float32, copy=False)):
            self._write(group)

    def begin(self, stack: ExitStack) -> None:
        import pyarrow as pa

        features = [(name, pa.float32()) for name in self._columns]
        self._schema = pa.schema([("time_s", pa.float64()), *features], self._facts or None)
        temporary = stack.enter_context(replacing(self._target))
        self._writer = stack.enter_context(parquet_writer(temporary, self._schema))

    def complete(self) -> None:
        rest = self._groups.rest()
        if rest is not None:
            self._write(rest)

    def _write(self, frames: Block) -> None:
        import pyarrow as pa

        times_s = self._first_s + self._hop_s * np.arange(
            self._n_written, self._n_written + len(frames)
        )
        self._n_written += len(frames)
        arrays = [pa.array(np.ascontiguousarray(column)) for column in (times_s, *frames.T)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))


@contextmanager
def parquet_writer(path: Path, schema: Any) -> Iterator[Any]:
    """Give what writes tables of a schema to a Parquet file.

    Args:
        path: The file.
        schema: Arrow's.
    """
    import pyarrow.parquet as pq

    # A file of Python's own: its errors keep the number that tells a full disk.
    with path.open("wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        yield writer


def _arrow_type(column: str, kind: str) -> Any:
    import pyarrow as pa

    types = (pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.list_(pa.string()))
    try:
        return dict(zip(KINDS, types, strict=True))[kind]
    except KeyError:
        raise SettingError(column, kind, "one of " + ", ".join(KINDS)) from None
