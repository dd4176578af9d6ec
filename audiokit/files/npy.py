"""One NumPy array that grows: memory that does not."""

from __future__ import annotations

from typing import BinaryIO, final

import numpy as np

from audiokit.files.growing import GrowingFile

__all__ = ["NpyWriter"]


@final
class NpyWriter(GrowingFile):
    """Write a ``.npy`` file of float32 rows, ``(rows, columns)``."""

    def write_head(self, file: BinaryIO, n_rows: int) -> None:
        # NumPy leaves room for the number of rows to grow, so that the header is as long at
        # the end as at the beginning.
        header = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, self.n_columns)}
        np.lib.format.write_array_header_1_0(file, header)
