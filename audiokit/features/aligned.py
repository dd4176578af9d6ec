"""Matrix products whose rows do not depend on how many there are."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["aligned_product"]

_ROWS = 16


Number = TypeVar("Number", np.float32, np.float64)


def aligned_product(
    rows: NDArray[Number], matrix: NDArray[Number], *, first: int
) -> NDArray[Number]:
    """Multiply rows of a stream by a matrix, with the same bits for any cutting.

    A BLAS product chooses its kernel by the number of rows, which changes the last
    bits. So each product here has 16 rows, laid on the count since the start of the
    stream, with zeros where a row is not at hand.

    Args:
        rows: ``(n, k)``.
        matrix: ``(k, columns)``, C-contiguous.
        first: Number of the first row in the stream.

    Returns:
        ``(n, columns)``.
    """
    n_rows, width = rows.shape
    before = first % _ROWS
    n_padded = -(-(before + n_rows) // _ROWS) * _ROWS
    if n_padded != n_rows or not rows.flags.c_contiguous:
        padded = np.zeros((n_padded, width), rows.dtype)
        padded[before : before + n_rows] = rows
        rows = padded
    groups: NDArray[Number] = np.matmul(rows.reshape(-1, _ROWS, width), matrix)
    return groups.reshape(n_padded, -1)[before : before + n_rows]
