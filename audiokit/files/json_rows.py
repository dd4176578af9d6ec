"""Rows of numbers as JSON Lines, each pushed out as soon as it is there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from audiokit.files.atomic import replacing, shown
from audiokit.files.output import Output

__all__ = ["JsonRows", "open_json_rows"]


class JsonRows:
    """Write rows of float32 as one object a line, after a first line about all of them.

    Nine digits tell every float32 from its neighbours, so that reading gives the same bits.

    Args:
        output: Where to.
        head: The first line.
        columns: Keys of the numbers, after those that come with each row.
    """

    def __init__(self, output: Output, head: Mapping[str, Any], columns: Sequence[str]) -> None:
        self._output = output
        self._form = "".join(f", {json.dumps(name)}: %.9g" for name in columns) + "}\n"
        self._put(json.dumps(head, ensure_ascii=False) + "\n")

    def append(self, heads: Sequence[Mapping[str, Any]], rows: NDArray[np.float32]) -> None:
        """Write rows, and push them out.

        Args:
            heads: What stands before the numbers of each row.
            rows: ``(rows, columns)``, finite.

        Raises:
            ResourceError: The disk is full.
            BrokenPipeError: The reader has gone.
        """
        if not len(rows):
            return
        lines = [
            json.dumps(head, ensure_ascii=False)[:-1] + self._form % tuple(row)
            for head, row in zip(heads, rows.tolist(), strict=True)
        ]
        self._put("".join(lines))

    def _put(self, text: str) -> None:
        # A name need not be text; what is not is written as an escape.
        self._output.write(text.encode("utf-8", "backslashreplace"))
        self._output.finish()


@contextmanager
def open_json_rows(
    target: Path | BinaryIO, head: Mapping[str, Any], columns: Sequence[str]
) -> Iterator[JsonRows]:
    """Open a file or a stream for rows.

    Args:
        target: A file, which takes its place when it is whole; or a stream, which stays the
            caller's to close.
        head: The first line.
        columns: Keys of the numbers.
    """
    if not isinstance(target, Path):
        yield JsonRows(Output(target, "stdout"), head, columns)
        return
    with replacing(target) as temporary, temporary.open("wb") as file:
        yield JsonRows(Output(file, str(shown(target))), head, columns)
