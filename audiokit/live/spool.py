"""What was recorded while there was no connection: a bounded log on disk.

A folder of segments, each a file of records. The oldest segment goes when the spool is full, or
when all of it has arrived. Where the disk takes nothing, packets wait in memory. What a crash or
a power cut left is read as far as it is whole.
"""

from __future__ import annotations

import errno
import logging
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from audiokit.errors import ItemError, SettingError, item_error_from_os
from audiokit.live.records import MAX_RECORD_BYTES, RECORD_OVERHEAD_BYTES, RecordFile
from audiokit.ranges import check_range

__all__ = ["Spool", "SpoolSettings"]

_log = logging.getLogger(__name__)
_SEGMENTS = 16
_SMALLEST_SEGMENT_BYTES = 4096
_SUFFIX = ".records"


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """How much the spool holds.

    Args:
        max_bytes: On disk, 64 kB to 100 GB. An hour of speech at 24 kbit/s is 12 MB.
        max_waiting: Packets in memory while the disk takes none, 16 to 100000.
    """

    max_bytes: int = 12_000_000
    max_waiting: int = 4096

    def __post_init__(self) -> None:
        check_range("max_bytes", self.max_bytes, 65536, 10**11, unit="bytes")
        check_range("max_waiting", self.max_waiting, 16, 100_000, unit="packets")


class _Segment:
    """One file, and where in it each packet lies: 16 bytes of memory a packet."""

    def __init__(self, records: RecordFile) -> None:
        self.records = records
        self._numbers, self._offsets = array("Q"), array("Q")
        self._start = 0

    def __len__(self) -> int:
        return len(self._numbers) - self._start

    def add(self, number: int, offset: int) -> None:
        self._numbers.append(number)
        self._offsets.append(offset)

    def drop_below(self, number: int) -> None:
        self._start = bisect_left(self._numbers, number, self._start)

    def places(self, number: int) -> Iterator[tuple[int, int]]:
        at = bisect_left(self._numbers, number, self._start)
        for index in range(at, len(self._numbers)):
            yield self._numbers[index], self._offsets[index]

    @property
    def first(self) -> int:
        return self._numbers[self._start]

    @property
    def last(self) -> int:
        return self._numbers[-1]


class Spool:
    """Packets by rising sequence number; what does not fit any more goes, the oldest first.

    Args:
        folder: Where the segments lie; made with mode 0700. What lies there already is kept.
        settings: How much it holds.

    Attributes:
        n_dropped: Packets that went because there was no room.
        n_damaged_bytes: Bytes found on opening that are no whole record.
        error: Why the disk takes nothing at present; None while it does.

    Raises:
        ItemError: The folder cannot be made or read.
    """

    def __init__(self, folder: Path, settings: SpoolSettings | None = None) -> None:
        self.folder = folder
        self._settings = settings or SpoolSettings()
        self._segment_bytes = max(
            self._settings.max_bytes // _SEGMENTS,
            _SMALLEST_SEGMENT_BYTES,
        )
        self._segments: deque[_Segment] = deque()
        self._waiting: deque[tuple[int, bytes]] = deque()
        self.n_dropped = 0
        self.n_damaged_bytes = 0
        self.error: ItemError | None = None
        self._may_free = False
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in sorted(folder.glob(f"*{_SUFFIX}")):
                self._recover(path)
        except OSError as error:
            raise item_error_from_os(error, str(folder)) from error

    def __len__(self) -> int:
        return sum(map(len, self._segments)) + len(self._waiting)

    @property
    def n_bytes(self) -> int:
        """Bytes on disk."""
        return sum(segment.records.n_bytes for segment in self._segments)

    @property
    def first(self) -> int | None:
        """The oldest packet's sequence number; None when there is none."""
        for segment in self._segments:
            if len(segment):
                return segment.first
        return self._waiting[0][0] if self._waiting else None

    @property
    def last(self) -> int | None:
        """The newest packet's sequence number; None when there is none."""
        if self._waiting:
            return self._waiting[-1][0]
        for segment in reversed(self._segments):
            if len(segment):
                return segment.last
        return None

    def append(self, sequence: int, content: bytes) -> None:
        """Add a packet behind all others; never fails, but may drop the oldest.

        Raises:
            SettingError: The sequence number does not rise, or there are too many bytes.
        """
        if len(content) > MAX_RECORD_BYTES:
            raise SettingError("content", len(content), f"{MAX_RECORD_BYTES} bytes or fewer")
        last = self.last
        if last is not None and sequence <= last:
            raise SettingError("sequence", sequence, f"more than {last}")
        self._waiting.append((sequence, content))
        self._write_waiting()
        if len(self._waiting) > self._settings.max_waiting:
            self._make_room()

    def read(self, sequence: int) -> tuple[int, bytes] | None:
        """Return the first packet from this sequence number on; None when there is none.

        What the disk does not give back is passed over.
        """
        for segment in self._segments:
            for number, offset in segment.places(sequence):
                content = _read(segment.records, offset)
                if content is not None:
                    return number, content
        for number, content in self._waiting:
            if number >= sequence:
                return number, content
        return None

    def trim(self, sequence: int) -> None:
        """Forget the packets below this sequence number: they have arrived."""
        for segment in self._segments:
            segment.drop_below(sequence)
        while self._segments and not len(self._segments[0]):
            self._remove(self._segments.popleft())
        while self._waiting and self._waiting[0][0] < sequence:
            self._waiting.popleft()

    def sync_later(self) -> Callable[[], None]:
        """Return what brings what was added through a power cut; for another thread.

        Raises:
            OSError: When called: the disk has failed.
        """
        return self._segments[-1].records.sync_later() if self._segments else lambda: None

    def close(self) -> None:
        """Let go of the files; what is in them stays for the next time.

        Raises:
            ItemError: Packets that the disk did not take are lost with this.
        """
        self._write_waiting()
        for segment in self._segments:
            segment.records.close()
        self._segments.clear()
        if self._waiting and self.error is not None:
            raise self.error

    def remove(self) -> None:
        """Remove the files: everything has arrived."""
        self._waiting.clear()
        while self._segments:
            self._remove(self._segments.popleft())

    def _recover(self, path: Path) -> None:
        records = RecordFile(path)
        path.chmod(0o600)
        segment = _Segment(records)
        last = self.last if self.last is not None else -1
        whole_bytes = 0
        for offset, sequence, content in records.records():
            whole_bytes += RECORD_OVERHEAD_BYTES + len(content)
            if sequence > last:
                segment.add(sequence, offset)
                last = sequence
        self.n_damaged_bytes += records.n_bytes - whole_bytes
        if len(segment):
            self._segments.append(segment)
        else:
            self._remove(segment)

    def _write_waiting(self) -> None:
        """Move what waits in memory to the disk, as far as that takes it."""
        while self._waiting:
            sequence, content = self._waiting[0]
            try:
                segment = self._segment_for(sequence, len(content) + RECORD_OVERHEAD_BYTES)
                segment.add(sequence, segment.records.append(sequence, content))
            except OSError as error:
                if self.error is None:
                    _log.warning("spool.stuck error=%r", str(error))
                    self._may_free = error.errno in (errno.ENOSPC, errno.EDQUOT)
                self.error = item_error_from_os(error, str(self.folder))
                return
            self._waiting.popleft()
            self.error = None

    def _segment_for(self, sequence: int, n_bytes: int) -> _Segment:
        """Return the segment to write to; where the last is full, a new one."""
        if self._segments and self._segments[-1].records.n_bytes + n_bytes <= self._segment_bytes:
            return self._segments[-1]
        while self._segments and self.n_bytes + self._segment_bytes > self._settings.max_bytes:
            self._drop_oldest()
        segment = _Segment(RecordFile(self.folder / f"{sequence:010d}{_SUFFIX}"))
        self._segments.append(segment)
        return segment

    def _make_room(self) -> None:
        """Drop the oldest: on a full disk a segment, once; where that was in vain, in memory."""
        if self._may_free and self._segments:
            self._may_free = False
            self._drop_oldest()
            self._write_waiting()
        while len(self._waiting) > self._settings.max_waiting:
            self._waiting.popleft()
            self.n_dropped += 1

    def _drop_oldest(self) -> None:
        segment = self._segments.popleft()
        self.n_dropped += len(segment)
        self._remove(segment)

    def _remove(self, segment: _Segment) -> None:
        segment.records.close()
        try:
            segment.records.path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("spool.remove error=%r", str(error))


def _read(records: RecordFile, offset: int) -> bytes | None:
    try:
        return records.read(offset)
    except OSError as error:
        _log.warning("spool.damaged offset=%d error=%r", offset, str(error))
        return None
