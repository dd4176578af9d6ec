"""Getting hold of the bytes of a source: a path, a URL, a file object or a pipe."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from audiokit.errors import EmptyError, UnreadableError, item_error_from_os
from audiokit.files.remote import is_url, open_remote

__all__ = ["ByteSource", "held", "open_source"]

_HEAD_BYTES = 4096
_PIECE_BYTES = 1 << 20


class ByteSource:
    """Bytes that decoders try in turn, with the first few known beforehand.

    It has `read` and, where the stream has them, `seek` and `tell`; never a name,
    because FFmpeg trusts a name's ending more than what is in the file.

    Args:
        stream: Opened for reading.
        path: How the user named it.
        is_ours: Whether `close` closes the stream.
        is_named: Whether `path` opens the same bytes again.
    """

    def __init__(
        self, stream: BinaryIO, path: str, *, is_ours: bool, is_named: bool = True
    ) -> None:
        self.path = path
        self._stream, self._is_ours = stream, is_ours
        self._can_open_again = is_ours and is_named
        self.is_seekable = stream.seekable()
        self._start = stream.tell() if self.is_seekable else 0
        self.head = self._read_head()
        self._pending = b"" if self.is_seekable else self.head
        self.rewind()

    @property
    def suffix(self) -> str:
        """The ending of the name, lower case, without its dot."""
        return Path(self.path).suffix.lower().removeprefix(".")

    def descriptor(self) -> int | None:
        """Return the descriptor of a file that starts at its first byte, else None."""
        if not (self._is_ours and self.is_seekable):
            return None
        try:
            return self._stream.fileno()
        except OSError:
            return None

    def rewind(self) -> None:
        """Go back to the first byte, where the stream can."""
        if self.is_seekable:
            self._stream.seek(self._start)

    @contextmanager
    def from_start(self) -> Iterator[ByteSource | None]:
        """Give the same bytes from the first one, without moving whoever reads them.

        Yields:
            The source, or None where the stream cannot go back.
        """
        if not self.is_seekable:
            yield None
        elif self._can_open_again:
            # A decoder may hold the descriptor; it has a position of its own.
            again = open_source(self.path)
            try:
                yield again
            finally:
                again.close()
        else:
            position = self.tell()
            self.rewind()
            try:
                yield self
            finally:
                self.seek(position)

    def read(self, n_bytes: int = -1) -> bytes:
        """Return the next bytes, as a binary file does."""
        if not self._pending:
            return self._stream.read(n_bytes)
        taken = self._pending if n_bytes < 0 else self._pending[:n_bytes]
        self._pending = self._pending[len(taken) :]
        return taken + self._stream.read() if n_bytes < 0 else taken

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, as a binary file does; zero is where the source began."""
        base = self._start if whence == os.SEEK_SET else 0
        return self._stream.seek(offset + base, whence) - self._start

    def tell(self) -> int:
        """Return the position, as a binary file does."""
        return self._stream.tell() - self._start

    def seekable(self) -> bool:
        """Return whether `seek` works."""
        return self.is_seekable

    def close(self) -> None:
        """Close what was opened here, and only that."""
        if self._is_ours:
            self._stream.close()

    def _read_head(self) -> bytes:
        # A pipe returns what it has; ask until there is enough or no more.
        head = b""
        while len(head) < _HEAD_BYTES:
            more = self._stream.read(_HEAD_BYTES - len(head))
            if not more:
                break
            head += more
        return head


def open_source(source: str | Path | BinaryIO) -> ByteSource:
    """Open a source for reading.

    Args:
        source: A path, an fsspec URL, or a binary file object, which stays the
            caller's to close.

    Raises:
        UnreadableError: Missing, a folder, not a regular file, or not ours to read.
        EmptyError: It has no bytes.
    """
    if isinstance(source, str) and is_url(source):
        found = _from_stream(open_remote(source), source, is_ours=True)
    elif isinstance(source, (str, Path)):
        found = _from_stream(_open_path(source), str(source), is_ours=True)
    else:
        name = getattr(source, "name", None)
        found = _from_stream(source, name if isinstance(name, str) else "<stream>", is_ours=False)
    if not found.head:
        found.close()
        raise EmptyError(found.path, "is empty (0 bytes)", "Fetch or export the file again")
    return found


def held(source: ByteSource) -> ByteSource:
    """Return what a pipe carries, all of it, in a file that can go back.

    The file has no name, so nothing is left behind even by a killed process.

    Args:
        source: One that cannot go back, from its start.

    Raises:
        ResourceError: The disk is full, or the pipe broke.
    """
    file: Any = tempfile.TemporaryFile()  # noqa: SIM115  the source closes it
    try:
        while piece := source.read(_PIECE_BYTES):
            file.write(piece)
        file.flush()
    except OSError as error:
        file.close()
        raise item_error_from_os(error, tempfile.gettempdir()) from error
    file.seek(0)
    return ByteSource(file, source.path, is_ours=True, is_named=False)


def _from_stream(stream: BinaryIO, path: str, *, is_ours: bool) -> ByteSource:
    try:
        return ByteSource(stream, path, is_ours=is_ours)
    except OSError as error:
        problem = f"could not be read ({error.strerror or error})"
        raise UnreadableError(path, problem, "Check the disk or the connection") from error


def _open_path(source: str | Path) -> BinaryIO:
    path = str(source)
    try:
        # Looked at before it is opened: opening a named pipe would wait for ever.
        mode = Path(source).stat().st_mode
        if stat.S_ISREG(mode):
            return Path(source).open("rb")
    except FileNotFoundError as error:
        raise UnreadableError(path, "there is no such file", "Check the name") from error
    except PermissionError as error:
        raise UnreadableError(path, "may not be read", "Check its permissions") from error
    except (OSError, ValueError) as error:
        # ValueError is what a NUL in the name raises.
        reason = getattr(error, "strerror", None) or error
        raise UnreadableError(path, f"cannot be opened ({reason})", "Check the name") from error
    if stat.S_ISDIR(mode):
        raise UnreadableError(path, "is a folder, expected a file", "Name a file in it")
    raise UnreadableError(path, "is not a regular file", "Pipe it in and name it -")
