"""Parquet tables with a row per stretch of a recording, and several of them as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from audiokit.files.atomic import replacing
from audiokit.files.parquet import parquet_writer
from audiokit.files.staged import StagedOutput

__all__ = ["SpanTable", "facts_of", "join_tables"]

# The library keeps some bytes of every column of every group until the end.
_ROWS_PER_GROUP = 4096


@final
class SpanTable(StagedOutput):
    """Write a Parquet file: ``source, label, start_s, end_s``, then one float32 column each.

    A context manager: on a clean exit the file takes its place; after an error nothing is
    left. However the rows are cut, the bytes are the same.

    Args:
        target: The file; its folders are made.
        columns: Their names, in order.
        source: What the recording is called.
        facts: Text by name that is stored with the table.
    """

    def __init__(
        self, target: Path, columns: Sequence[str], *, source: str, facts: Mapping[str, str]
    ) -> None:
        super().__init__()
        self._target, self._columns = target, tuple(columns)
        # A name need not be text; what is not is written as an escape.
        self._source = source.encode("utf-8", "backslashreplace").decode()
        self._facts = dict(facts)
        self._held: list[tuple[str, float, float, NDArray[np.float32]]] = []

    def append(self, spans: Iterable[tuple[str, float, float]], rows: NDArray[np.float32]) -> None:
        """Add rows.

        Args:
            spans: Label, start and end in s of each.
            rows: ``(rows, columns)``.

        Raises:
            OSError: A fault of the disk, which the ``with`` statement turns into a
                `ResourceError`.
        """
        for span, row in zip(spans, rows, strict=True):
            self._held.append((*span, row.copy()))
            if len(self._held) == _ROWS_PER_GROUP:
                self._write_held()

    def begin(self, stack: ExitStack) -> None:
        import pyarrow as pa

        head = [("source", pa.string()), ("label", pa.string())]
        times = [("start_s", pa.float64()), ("end_s", pa.float64())]
        features = [(name, pa.float32()) for name in self._columns]
        self._schema = pa.schema([*head, *times, *features], self._facts)
        temporary = stack.enter_context(replacing(self._target))
        self._writer = stack.enter_context(parquet_writer(temporary, self._schema))

    def complete(self) -> None:
        if self._held:
            self._write_held()

    def _write_held(self) -> None:
        import pyarrow as pa

        labels, starts, ends, rows = zip(*self._held, strict=True)
        values = np.stack(rows)
        head: list[Any] = [[self._source] * len(labels), list(labels), list(starts), list(ends)]
        features = [pa.array(np.ascontiguousarray(column)) for column in values.T]
        arrays = [pa.array(items, field.type) for items, field in zip(head, self._schema)]  # noqa: B905  the features follow
        self._writer.write_table(pa.Table.from_arrays([*arrays, *features], schema=self._schema))
        self._held = []


def facts_of(path: Path) -> tuple[list[str], dict[str, str]]:
    """Return the columns of a Parquet file, and the text by name that is stored with it.

    Args:
        path: The file.
    """
    import pyarrow.parquet as pq

    schema = pq.read_schema(path)
    facts = {name.decode(): text.decode() for name, text in (schema.metadata or {}).items()}
    return list(schema.names), facts


def join_tables(parts: Iterable[Path], target: Path) -> None:
    """Write the rows of several Parquet files of one schema, in order, as one.

    Args:
        parts: The files; one at least.
        target: The file; its folders are made.

    Raises:
        ResourceError: A file cannot be read, or the target not be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with replacing(target) as temporary, ExitStack() as stack:
        writer: Any = None
        held: list[Any] = []
        for part in parts:
            table = pq.read_table(part)
            if writer is None:
                writer = stack.enter_context(parquet_writer(temporary, table.schema))
            held.append(table)
            if sum(map(len, held)) >= _ROWS_PER_GROUP:
                writer.write_table(pa.concat_tables(held))
                held = []
        if held:
            writer.write_table(pa.concat_tables(held))
