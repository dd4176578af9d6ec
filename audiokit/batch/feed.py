"""What is left to do, cut into chunks that cost about the same."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator

from audiokit.batch.journal import Journal
from audiokit.batch.plan import BatchSettings, Item, Row

__all__ = ["Feed"]

# Bounds of what a dying worker makes us do again, and of a look for what is not done.
_MAX_CHUNK = 256
_MAX_LOOK = 256


class Feed:
    """Items on their way to the workers.

    joblib takes chunks from a thread of its own, so all that moves is under a lock, and
    a source that raises ends quietly there: `check` raises for it in the caller's thread.

    Args:
        items: The source, taken lazily.
        journal: Knows what is done.
        settings: Of the run.

    Attributes:
        in_flight: Items handed out whose end is not known, by number.
        alone: Items to be run with nothing beside them.
    """

    def __init__(self, items: Iterable[Item], journal: Journal, settings: BatchSettings) -> None:
        self.in_flight: dict[int, Item] = {}
        self.alone: deque[Item] = deque()
        self._items = iter(items)
        self._journal = journal
        self._settings = settings
        self._again: deque[Item] = deque()
        self._resumed: deque[str] = deque()
        self._lock = threading.Lock()
        self._ended = False
        self._error: Exception | None = None
        self._next_number = 0
        self._chunk_items = 1
        self._item_s = 0.0

    def take(self) -> list[tuple[int, Item]] | None:
        """Return the next chunk, or None at the end.

        It is empty where a long look met only what is done.
        """
        chunk: list[tuple[int, Item]] = []
        with self._lock:
            for _ in range(_MAX_LOOK):
                item = self._again.popleft() if self._again else self._next_fresh()
                if item is not None:
                    chunk.append((self.register(item), item))
                if len(chunk) == self._chunk_items or (self._ended and not self._again):
                    break
        return None if self._ended and not chunk and not self._again else chunk

    def chunks(self) -> Iterator[list[tuple[int, Item]]]:
        """Yield chunks to the end of the source."""
        while (chunk := self.take()) is not None:
            if chunk:
                yield chunk

    def register(self, item: Item) -> int:
        """Note that an item is handed out; return its number."""
        number, self._next_number = self._next_number, self._next_number + 1
        self.in_flight[number] = item
        return number

    def hand_back(self) -> None:
        """Put everything in flight back in front."""
        self._again.extendleft(reversed(list(self.in_flight.values())))
        self.in_flight.clear()

    def learn(self, n_items: int, busy_s: float) -> None:
        """Adapt the size of chunks to what one has cost."""
        item_s = busy_s / n_items
        self._item_s = item_s if self._item_s == 0.0 else (self._item_s + item_s) / 2
        fitting = int(self._settings.chunk_s / max(self._item_s, 1e-9))
        # No more than doubled: the next item may be a long one.
        self._chunk_items = max(1, min(fitting, 2 * self._chunk_items, _MAX_CHUNK))

    def resumed_rows(self) -> Iterator[Row]:
        """Yield the rows of items met since the last call that were done before."""
        while self._resumed:
            yield self._journal.row(self._resumed.popleft())

    def check(self) -> None:
        """Raise what the source of items raised."""
        if self._error is not None:
            raise self._error

    def _next_fresh(self) -> Item | None:
        """Return the next item of the source, or None where it is done or there is none."""
        try:
            item = next(self._items, None)
            if item is None:
                self._ended = True
            elif not self._settings.overwrite and self._journal.is_done(item):
                self._resumed.append(item.key)
                item = None
        # No row boundary: kept, and raised again by `check` in the caller's thread.
        except Exception as error:  # noqa: BLE001
            self._error, self._ended, item = error, True, None
        return item
