"""Where encoded bytes go, and how a failure to put them there is remembered."""

from __future__ import annotations

import os
from typing import BinaryIO

from audiokit.errors import item_error_from_os

__all__ = ["Output", "SeekableOutput", "output_for"]


class Output:
    """Bytes to a stream that cannot go back.

    libsndfile and FFmpeg call `write` from C, where an exception would be printed and
    lost. So an error is kept, and `check` raises it once Python is in charge again.

    Args:
        stream: Opened for writing.
        path: How the user named it.
    """

    def __init__(self, stream: BinaryIO, path: str) -> None:
        self.path = path
        self._stream = stream
        self._error: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write all the bytes, or none once anything has failed; return how many."""
        if self._error is not None:
            return 0
        try:
            self._write_all(memoryview(data))
        except OSError as error:
            self._error = error
            return 0
        return len(data)

    def begin_here(self) -> None:
        """Call the place that was reached position zero."""

    def check(self) -> None:
        """Raise what went wrong so far.

        Raises:
            ResourceError: The disk is full, or the place may not be written.
            BrokenPipeError: The reader of the pipe has gone; the program ends quietly.
        """
        if isinstance(self._error, BrokenPipeError):
            raise self._error
        if self._error is not None:
            raise item_error_from_os(self._error, self.path) from self._error

    def finish(self) -> None:
        """Push everything out.

        Raises:
            ResourceError, BrokenPipeError: As `check`.
        """
        if self._error is None:
            try:
                self._stream.flush()
            except OSError as error:
                self._error = error
        self.check()

    def _write_all(self, data: memoryview) -> None:
        # A raw, unbuffered stream may take less than it is given.
        while data:
            n_written = self._stream.write(data)
            data = data[len(data) if n_written is None else n_written :]


class SeekableOutput(Output):
    """Bytes to a stream that can go back, to complete a header."""

    def __init__(self, stream: BinaryIO, path: str) -> None:
        super().__init__(stream, path)
        self._start = stream.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, as a binary file does; zero is where the output began."""
        base = self._start if whence == os.SEEK_SET else 0
        try:
            return self._stream.seek(offset + base, whence) - self._start
        except OSError as error:
            # Moving flushes what is buffered, which needs space too.
            self._error = self._error or error
            return 0

    def begin_here(self) -> None:
        self._start = self._stream.tell()

    def tell(self) -> int:
        """Return the position, as a binary file does."""
        return self._stream.tell() - self._start


def output_for(stream: BinaryIO, path: str) -> Output:
    """Return the output that fits a stream."""
    return SeekableOutput(stream, path) if stream.seekable() else Output(stream, path)
