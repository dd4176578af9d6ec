"""Matrices as Kaldi keeps them: an archive, and a script that says where in it each lies."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, final

from audiokit.files.atomic import replacing
from audiokit.files.growing import GrowingFile

__all__ = ["ArkWriter", "write_script"]


@final
class ArkWriter(GrowingFile):
    """Write a Kaldi archive that holds one float matrix, ``(rows, columns)``.

    A context manager, as `GrowingFile`.

    Args:
        target: The archive; its folders are made.
        n_columns: How many columns the rows have.
        key: Name of the matrix; no white space in it.

    References:
        Kaldi, "Kaldi I/O mechanisms", and ``src/matrix/kaldi-matrix.cc``, ``Matrix::Write``.
    """

    def __init__(self, target: Path, n_columns: int, *, key: str) -> None:
        super().__init__(target, n_columns)
        self._key = key

    def write_head(self, file: BinaryIO, n_rows: int) -> None:
        # Binary mark, type (float matrix), then each size behind its own length in bytes.
        file.write(f"{self._key} ".encode("utf-8", "backslashreplace"))
        file.write(b"\0BFM " + struct.pack("<bibi", 4, n_rows, 4, self.n_columns))


def write_script(target: Path, *, key: str, archive: str) -> None:
    """Write the ``.scp`` that goes with the archive of one matrix.

    Args:
        target: The script; its folders are made.
        key: Name of the matrix.
        archive: How the archive is called, from where Kaldi will run.
    """
    offset = len(key.encode("utf-8", "backslashreplace")) + 1
    with replacing(target) as temporary:
        line = f"{key} {archive}:{offset}\n"
        temporary.write_bytes(line.encode("utf-8", "backslashreplace"))
