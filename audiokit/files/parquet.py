"""Parquet tables, row group by row group: same bytes every time, memory that does not grow."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, final

import numpy as np

from audiokit.errors import BlockError, SettingError
from audiokit.files.atomic import replacing
from audiokit.stage import Block

__all__ = ["KINDS", "ParquetTable", "write_parquet"]

KINDS = ("string", "int", "float", "bool", "list<string>")
"""What a column of a manifest can hold; every one of them, or nothing (null)."""

_ROWS_PER_GROUP = 8192
_FRAMES_PER_GROUP = 16384


def write_parquet(
    target: Path, rows: Iterable[Mapping[str, Any]], schema: Mapping[str, str]
) -> None:
    """Write rows as they come to a Parquet file that takes its place when it is whole.

    A missing value, NaN and infinity become null; what is no text becomes JSON in a
    column of text.

    Args:
        target: The file; its folders are made.
        rows: Keyed by column; keys outside the schema are refused.
        schema: Column to kind, one of `KINDS`.

    Raises:
        SettingError: The schema names another kind, or a value does not fit its column.
        DiskFullError: No space is left.
        PermissionDeniedError: The place may not be written.
        ResourceError: Another fault of the disk.
    """
    import pyarrow as pa

    columns = pa.schema([(name, _arrow_type(name, kind)) for name, kind in schema.items()])
    remaining = iter(rows)
    with replacing(target) as temporary, _writer(temporary, columns) as writer:
        while group := list(islice(remaining, _ROWS_PER_GROUP)):
            _refuse_unknown(group, schema)
            arrays = [_arrow_array(group, name, kind) for name, kind in schema.items()]
            writer.write_table(pa.Table.from_arrays(arrays, schema=columns))


@final
class ParquetTable:
    """Write feature frames to a Parquet file: their time, then one float32 column each.

    A context manager: on a clean exit the file takes its place; after an error nothing
    is left. However the frames are cut, the bytes are the same.

    Args:
        target: The file; its folders are made.
        columns: Their names, in order; ``time_s`` (float64) stands before them.
        hop_s: From one frame to the next.
        first_s: Time of the first frame.

    Raises:
        SettingError: Two columns have one name.
    """

    def __init__(
        self, target: Path, columns: Sequence[str], *, hop_s: float, first_s: float = 0.0
    ) -> None:
        if len(set(columns)) != len(columns):
            raise SettingError("columns", list(columns), "names that differ")
        self._target = target
        self._columns = tuple(columns)
        self._hop_s, self._first_s = hop_s, first_s
        self._n_written = 0
        self._held: list[Block] = []
        self._n_held = 0
        self._open = ExitStack()

    def append(self, frames: Block) -> None:
        """Add frames, float32, ``(frames, columns)``.

        Raises:
            BlockError: They have another shape.
            OSError: A fault of the disk, which the ``with`` statement turns into a
                `ResourceError`.
        """
        if frames.ndim != 2 or frames.shape[1] != len(self._columns):
            raise BlockError(f"has shape {frames.shape}", f"(frames, {len(self._columns)})")
        # A copy: who gave the frames may write the next ones in the same place.
        self._held.append(frames.astype(np.float32))
        self._n_held += len(frames)
        if self._n_held < _FRAMES_PER_GROUP:
            return
        held = np.concatenate(self._held)
        n_whole = len(held) // _FRAMES_PER_GROUP * _FRAMES_PER_GROUP
        for start in range(0, n_whole, _FRAMES_PER_GROUP):
            self._write(held[start : start + _FRAMES_PER_GROUP])
        self._held, self._n_held = [held[n_whole:].copy()], len(held) - n_whole

    def __enter__(self) -> ParquetTable:
        import pyarrow as pa

        features = [(name, pa.float32()) for name in self._columns]
        self._schema = pa.schema([("time_s", pa.float64()), *features])
        temporary = self._open.enter_context(replacing(self._target))
        self._writer = self._open.enter_context(_writer(temporary, self._schema))
        # The stack runs it first, and takes the file away should it fail.
        self._open.push(self._write_rest)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def _write_rest(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._n_held:
            self._write(np.concatenate(self._held))

    def _write(self, frames: Block) -> None:
        import pyarrow as pa

        times_s = self._first_s + self._hop_s * np.arange(
            self._n_written, self._n_written + len(frames)
        )
        self._n_written += len(frames)
        arrays = [pa.array(np.ascontiguousarray(column)) for column in (times_s, *frames.T)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))


@contextmanager
def _writer(path: Path, schema: Any) -> Iterator[Any]:
    import pyarrow.parquet as pq

    # A file of Python's own: its errors keep the number that tells a full disk.
    with path.open("wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        yield writer


def _refuse_unknown(rows: Sequence[Mapping[str, Any]], schema: Mapping[str, str]) -> None:
    for row in rows:
        unknown = row.keys() - schema.keys()
        if unknown:
            raise SettingError("columns", sorted(unknown), f"some of {', '.join(schema)}")


def _arrow_type(column: str, kind: str) -> Any:
    import pyarrow as pa

    types = (pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.list_(pa.string()))
    try:
        return dict(zip(KINDS, types, strict=True))[kind]
    except KeyError:
        raise SettingError(column, kind, "one of " + ", ".join(KINDS)) from None


def _arrow_array(rows: Sequence[Mapping[str, Any]], column: str, kind: str) -> Any:
    import pyarrow as pa

    values = [_fitted(row.get(column), kind) for row in rows]
    try:
        return pa.array(values, type=_arrow_type(column, kind))
    except (ValueError, TypeError, OverflowError) as error:
        raise SettingError(column, str(error), f"{kind} in every row") from error


def _fitted(value: Any, kind: str) -> Any:
    """Return a value as its column can hold it; only text can hold everything."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if kind == "string" and value is not None:
        return _text(value)
    if kind == "list<string>" and isinstance(value, list | tuple):
        return [_text(item) for item in value]
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
