"""NumPy archives that grow: same bytes every time, memory that does not."""

from __future__ import annotations

import math
import shutil
import zipfile
from contextlib import ExitStack
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, final

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import BlockError, item_error_from_os
from audiokit.files.atomic import replacing

__all__ = ["NpzWriter"]

_MEMORY_BYTES = 1 << 20
# The first moment that a zip archive can name.
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)


@final
class NpzWriter:
    """Write an ``.npz`` archive whose arrays grow along their first axis.

    A context manager: on a clean exit the archive takes its place under its name; after
    an error nothing is left. Each array is kept in memory up to 1 MiB, then in a file
    without a name. Stored without compression, so that `numpy.load` reads it at once;
    arrays stand in the order in which they were first named.

    Args:
        target: The archive; its folders are made.
        folder: Where the files without a name are made; the system's folder when None.
    """

    def __init__(self, target: Path, folder: Path | None = None) -> None:
        self._target = target
        self._folder = folder
        self._parts: dict[str, _Part | NDArray[Any]] = {}
        self._open = ExitStack()

    def append(self, name: str, rows: NDArray[Any]) -> None:
        """Add rows to an array.

        Args:
            name: The array's name in the archive.
            rows: ``(rows, …)``; type and further axes as the first time.

        Raises:
            BlockError: The type or shape is another than the first time, or holds objects.
            DiskFullError: No space is left.
            ResourceError: Another fault of the disk.
        """
        if name not in self._parts:
            if rows.dtype.hasobject or rows.ndim == 0:
                raise BlockError(f"for {name!r} holds {rows.dtype}", "rows of numbers or text")
            folder = None if self._folder is None else str(self._folder)
            spool = SpooledTemporaryFile(_MEMORY_BYTES, "w+b", dir=folder)  # noqa: SIM115  the stack does
            self._parts[name] = _Part(rows.dtype, rows.shape[1:], self._open.enter_context(spool))
        part = self._parts[name]
        if not isinstance(part, _Part):
            raise BlockError(f"for {name!r} is more", "no rows for an array that was set")
        try:
            part.append(name, rows)
        except OSError as error:
            raise item_error_from_os(error, str(self._target)) from error

    def set(self, name: str, array: NDArray[Any]) -> None:
        """Put a whole array under a name of its own; it does not grow.

        Args:
            name: The array's name in the archive.
            array: Of any shape, a lone number included.

        Raises:
            BlockError: The name is taken, or the array holds objects.
        """
        if name in self._parts or array.dtype.hasobject:
            raise BlockError(f"for {name!r} holds {array.dtype}", "numbers or text, given once")
        self._parts[name] = array.copy()

    def close(self) -> None:
        """Write the archive and put it in its place.

        Raises:
            DiskFullError: No space is left.
            PermissionDeniedError: The place may not be written.
            ResourceError: Another fault of the disk.
        """
        with (
            self._open,
            replacing(self._target) as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
        ):
            for name, part in self._parts.items():
                entry = zipfile.ZipInfo(f"{name}.npy", _FIXED_DATE)
                entry.external_attr = 0o644 << 16
                # Told beforehand, so that only an entry that needs them gets 64-bit sizes.
                entry.file_size = part.nbytes + 1024
                with archive.open(entry, "w") as stream:
                    if isinstance(part, _Part):
                        part.write_to(stream)
                    else:
                        np.lib.format.write_array(stream, part, allow_pickle=False)

    def discard(self) -> None:
        """Forget everything that was added, and leave nothing behind."""
        self._open.close()

    def __enter__(self) -> NpzWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()


class _Part:
    """One array as far as it has grown: its bytes, without a header."""

    def __init__(
        self, dtype: np.dtype[Any], row_shape: tuple[int, ...], spool: SpooledTemporaryFile[bytes]
    ) -> None:
        self._dtype, self._row_shape, self._spool = dtype, row_shape, spool
        self._n_rows = 0

    def append(self, name: str, rows: NDArray[Any]) -> None:
        if rows.dtype != self._dtype or rows.shape[1:] != self._row_shape:
            raise BlockError(
                f"for {name!r} has type {rows.dtype} and shape {rows.shape}",
                f"{self._dtype} and (rows, {', '.join(map(str, self._row_shape))})",
            )
        self._spool.write(rows.tobytes())
        self._n_rows += len(rows)

    @property
    def nbytes(self) -> int:
        """How many bytes the rows take."""
        return self._n_rows * self._dtype.itemsize * math.prod(self._row_shape)

    def write_to(self, stream: IO[bytes]) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self._n_rows, *self._row_shape),
        }
        self._spool.seek(0)
        np.lib.format.write_array_header_1_0(stream, header)
        shutil.copyfileobj(self._spool, stream, _MEMORY_BYTES)
