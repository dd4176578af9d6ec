"""The ledger of a run: an append-only file of JSON lines beside the output.

Workers append each row themselves, by one `write` to a file opened for appending, so a
row is on record before anyone hears of it and whoever is killed then loses nothing. A
last line torn by a kill is cut off when the journal is next opened. In memory there is
one file offset per key; rows stay on disk. Why no database:
``docs/decisions/0003-journal.md``.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from audiokit.batch.plan import Item, Row
from audiokit.errors import SettingError, item_error_from_os

__all__ = ["Journal", "append_line", "encode_record"]

logger = logging.getLogger(__name__)

# Workers of a run that was killed die with it; this is for machines where they linger.
ORPHAN_PATIENCE_S = 10.0
_READ_BYTES = 8192


def encode_record(item: Item, row: Row) -> bytes:
    """Return the line that goes on record for an item.

    Raises:
        TypeError: The row holds what JSON cannot.
        ValueError: The row holds NaN or infinity.
    """
    record = {
        "fingerprint": item.fingerprint,
        "stamp": item.stamp,
        "outputs": [_stamp_of(path) for path in item.outputs],
        "row": row,
    }
    return json.dumps(record, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def append_line(file: int, line: bytes) -> int:
    """Append a line at once and return the offset where it begins.

    Args:
        file: A descriptor of one's own, opened with ``O_APPEND``.
        line: With its newline.

    Raises:
        OSError: The disk took less than the whole line.
    """
    if os.write(file, line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    # An appending write leaves the descriptor at its own end, whoever else writes.
    return os.lseek(file, 0, os.SEEK_CUR) - len(line)


class Journal:
    """What is done in an output folder, and how it ended.

    One run at a time holds a journal. Use it as a context manager, or `close` it.

    Args:
        folder: Where the ledger lives, usually ``OUT/.audiokit``; made where it is missing.
        content_hash: Returns the hash of an item's source. Where a source's stamp has
            changed, the item still counts as done if this equals the hash in its row.
        hash_field: The field of a row that holds that hash.

    Attributes:
        folder: The folder.
        path: The file in it.
        is_resumed: Whether the file was there before: a run has begun here.

    Raises:
        SettingError: Another run holds the journal.
        ResourceError: The file cannot be made or opened.
    """

    def __init__(
        self,
        folder: Path,
        *,
        content_hash: Callable[[Item], str] | None = None,
        hash_field: str = "hash",
    ) -> None:
        self.folder = folder
        self.path = folder / "journal.jsonl"
        self._content_hash = content_hash
        self._hash_field = hash_field
        self._offsets: dict[str, int] = {}
        self._scanned_bytes = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.is_resumed = self.path.exists()
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise item_error_from_os(error, str(folder)) from error
        self._claim()
        for _ in self.sync():
            pass

    def __enter__(self) -> Journal:  # noqa: PYI034  Self is not in 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._offsets)

    def __contains__(self, key: str) -> bool:
        return key in self._offsets

    def close(self) -> None:
        """Let go of the file; the next run may have it."""
        os.close(self._file)
        os.close(self._lock)

    def is_done(self, item: Item) -> bool:
        """Tell whether an item needs no work.

        Done means: on record and not failed, made by the same settings and version, from
        a source of the same size and time or of the same content, and every output is
        still as it was written. A changed stamp over the same content is put on record.
        """
        offset = self._offsets.get(item.key)
        if offset is None:
            return False
        record = self._record(offset)
        if record["row"]["status"] == "failed" or record["fingerprint"] != item.fingerprint:
            return False
        if record["outputs"] != [_stamp_of(path) for path in item.outputs]:
            return False
        if record["stamp"] == (None if item.stamp is None else list(item.stamp)):
            return True
        recorded = record["row"].get(self._hash_field)
        if self._content_hash is None or recorded is None:
            return False
        try:
            if self._content_hash(item) != recorded:
                return False
        except OSError:
            # Unreadable now: the job says so in its row.
            return False
        self.append(item, record["row"])
        return True

    def row(self, key: str) -> Row:
        """Return the newest row of a key.

        Raises:
            KeyError: Nothing is on record for it.
        """
        row: Row = self._record(self._offsets[key])["row"]
        return row

    def rows_in_order(self, keys: Iterable[str]) -> Iterator[Row]:
        """Yield the newest rows in the order of `keys`; those not on record are left out."""
        return (self.row(key) for key in keys if key in self._offsets)

    def append(self, item: Item, row: Row) -> None:
        """Put a row on record; where the disk is full, say so and go on without."""
        try:
            self.note(item.key, append_line(self._file, encode_record(item, row)))
        except OSError as error:
            logger.warning("journal.not_written path=%s error=%s", self.path, error)

    def keys(self) -> Iterator[str]:
        """Yield every key on record, oldest first."""
        return iter(list(self._offsets))

    def are_outputs_intact(self, key: str, outputs: Iterable[str]) -> bool:
        """Tell whether the files that a key's row names are still those it wrote."""
        stamps = [_stamp_of(path) for path in outputs]
        return None not in stamps and self._record(self._offsets[key])["outputs"] == stamps

    def note(self, key: str, offset: int) -> None:
        """Take in that a worker put the row of `key` at `offset`."""
        self._offsets[key] = offset

    def sync(self) -> Iterator[tuple[str, Row]]:
        """Read what others appended since the last call, and cut off a torn last line.

        Only while no worker is writing.
        """
        with self.path.open("rb") as lines:
            lines.seek(self._scanned_bytes)
            for line in lines:
                if not line.endswith(b"\n"):
                    os.ftruncate(self._file, self._scanned_bytes)
                    break
                offset, self._scanned_bytes = self._scanned_bytes, self._scanned_bytes + len(line)
                row = _row_of(line)
                if row is not None:
                    self._offsets[row["key"]] = offset
                    yield row["key"], row

    def _record(self, offset: int) -> Any:
        # `pread`, because the thread that dispatches asks too.
        data = b""
        while b"\n" not in data:
            piece = os.pread(self._file, _READ_BYTES, offset + len(data))
            if not piece:
                break
            data += piece
        return json.loads(data.partition(b"\n")[0])

    def _claim(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._outwait_orphans()
        except OSError as error:
            self.close()
            raise SettingError(
                "out", str(self.folder.parent), "a folder that no other run writes to",
                "Wait for that run, or choose another folder with --out.",
            ) from error  # fmt: skip

    def _outwait_orphans(self) -> None:
        """Wait until no worker of a killed run holds the file; each holds it while it works."""
        deadline_s = time.monotonic() + ORPHAN_PATIENCE_S
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(0.02)
        fcntl.flock(self._file, fcntl.LOCK_UN)


def _stamp_of(path: str) -> list[int] | None:
    """Return size and modification time of a file, or None where there is none.

    Of a folder: the bytes of the files in it, and the time of the newest. Folders in it are
    other results'.
    """
    try:
        status = os.stat(path)  # noqa: PTH116  a `Path` for each would cost as much again
    except OSError:
        return None
    if stat.S_ISDIR(status.st_mode):
        return _folder_stamp(path)
    return [status.st_size, status.st_mtime_ns]


def _folder_stamp(path: str) -> list[int] | None:
    try:
        with os.scandir(path) as entries:
            files = [entry.stat() for entry in entries if entry.is_file()]
    except OSError:
        return None
    return [sum(file.st_size for file in files), max([0, *(file.st_mtime_ns for file in files)])]


def _row_of(line: bytes) -> Row | None:
    """Return the row in a line, or None for a line that a full disk cut short."""
    try:
        row: Row = json.loads(line)["row"]
    except (ValueError, KeyError, TypeError):
        logger.debug("journal.line_dropped line=%r", line[:200])
        return None
    return row
