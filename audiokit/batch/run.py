"""Run a job over many items: bounded, resumable, and no item can spoil another.

joblib loses a whole run with the first worker that dies. So the engine runs joblib in
waves: when a worker dies, it reads from the journal what was finished and from the
workers' slots what was under way, makes a row for the guilty, and starts a new wave with
the rest. Who is guilty is known where the watchdog killed; elsewhere the suspects run
again, each alone.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import tempfile
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

from audiokit.batch.feed import Feed
from audiokit.batch.journal import Journal
from audiokit.batch.plan import BatchSettings, Item, Job, Row, failed_row
from audiokit.batch.pool import count_workers, results_of
from audiokit.batch.summary import Tally
from audiokit.batch.watch import Cause, Watchdog, clear_slots, running
from audiokit.batch.worker import ChunkResult, Desk, memory_error
from audiokit.errors import InterruptedRunError, ItemError, TimeLimitError, WorkerCrashError
from audiokit.files.atomic import remove_parts, remove_parts_below

__all__ = ["BatchSettings", "Item", "Tally", "run_batch"]

logger = logging.getLogger(__name__)


def run_batch(
    job: Job,
    items: Iterable[Item],
    settings: BatchSettings | None = None,
    *,
    journal: Journal | None = None,
    tally: Tally | None = None,
) -> Generator[Row]:
    """Yield one row per item as it ends, in no certain order.

    A row is the same whether it was made now or read back from a run before, and whatever
    the back end and number of workers. Memory does not grow with the number of items, but
    for one offset each. Where the caller stops listening, the work stops; where the caller
    only pauses, results wait.

    Threads cannot be killed: with the threading back end neither time nor memory is
    limited, a crash is everyone's, and BLAS threads are the caller's to pin.

    Args:
        job: Called as ``job(item)`` in a worker; with processes, picklable.
        items: With distinct keys; taken lazily, and not always from the calling thread.
        settings: Limits and spread.
        journal: What earlier runs did. Items done by then give their row at once, and
            ``.part`` files that a killed run left in the folder above the journal's
            are removed first.
        tally: Counts the rows; also tells which were resumed.

    Raises:
        InterruptedRunError: Ctrl-C. What was finished is on record.
    """
    settings = settings or BatchSettings()
    if settings.backend == "threading" and (settings.timeout_s or settings.memory_mb):
        logger.warning("batch.no_limits backend=threading: time and memory are not limited")
    tally = tally or Tally()
    with contextlib.ExitStack() as stack:
        # Not beside the output, whose disk may fill up.
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="audiokit-")))
        if journal is None:
            journal = stack.enter_context(Journal(scratch / "state"))
        elif journal.is_resumed:
            remove_parts_below(journal.folder.parent)
        slots = scratch / "slots"
        slots.mkdir()
        run = _Run(job, items, settings, journal=journal, slots=slots)
        rows = stack.enter_context(contextlib.closing(run.rows()))
        try:
            for row, resumed in rows:
                tally.add(row, resumed=resumed)
                yield row
                if settings.fail_fast and row["status"] == "failed" and not resumed:
                    return
        except KeyboardInterrupt as error:
            message = "interrupted; what was finished is kept. Run again to go on."
            raise InterruptedRunError(message) from error


class _Run:
    """One run: waves of joblib, and what happens between them."""

    def __init__(
        self,
        job: Job,
        items: Iterable[Item],
        settings: BatchSettings,
        *,
        journal: Journal,
        slots: Path,
    ) -> None:
        self._job = job
        self._settings = settings
        self._journal = journal
        self._slots = slots
        self._feed = Feed(items, journal, settings)
        self._deaths_unexplained = 0
        self._is_journal_full = False
        self._desk = Desk(
            journal=str(journal.path),
            slots=str(slots),
            parent_pid=os.getpid() if settings.backend == "loky" else 0,
            memory_mb=settings.memory_mb,
            retries=settings.retries,
        )

    def rows(self) -> Generator[tuple[Row, bool], None, None]:
        """Yield each row, and whether it was read back from a run before."""
        workers = count_workers(self._settings)
        while True:
            while self._feed.alone:
                item = self._feed.alone.popleft()
                yield from self._wave([[(self._feed.register(item), item)]], workers=None)
            first = self._feed.take()
            yield from self._resumed()
            if first is None:
                break
            if first:
                chunks = itertools.chain([first], self._feed.chunks())
                yield from self._wave(chunks, workers=workers)
        self._feed.check()

    def _resumed(self) -> Iterator[tuple[Row, bool]]:
        return ((row, True) for row in self._feed.resumed_rows())

    def _wave(
        self, chunks: Iterable[list[tuple[int, Item]]], *, workers: int | None
    ) -> Iterator[tuple[Row, bool]]:
        """Run chunks until they end or a worker dies; with no `workers`, one item alone."""
        alone = workers is None
        clear_slots(self._slots)
        # An item that is alone has had its second chance.
        desk = replace(self._desk, retries=0) if alone else self._desk
        timeout_s, memory_mb = self._settings.timeout_s, self._settings.memory_mb
        dog = Watchdog(self._slots, timeout_s=timeout_s, memory_mb=memory_mb)
        try:
            with dog, results_of(
                self._job, chunks, desk, settings=self._settings, workers=workers or 1
            ) as results:  # fmt: skip
                for result in results:
                    yield from self._accept(result)
                    yield from self._resumed()
        except BrokenProcessPool as error:
            logger.debug("batch.worker_died error=%s", error)
            yield from self._settle(dog.kills, alone=alone)
        finally:
            self._remove_parts_under_way()

    def _accept(self, result: ChunkResult) -> Iterator[tuple[Row, bool]]:
        self._deaths_unexplained = 0
        self._feed.learn(len(result.outcomes), result.busy_s)
        for number, line, offset, trace in result.outcomes:
            item = self._feed.in_flight.pop(number)
            if trace:
                logger.debug("batch.unforeseen key=%s\n%s", item.key, trace)
            if line is None:
                self._feed.alone.append(item)
                continue
            self._note(item, offset)
            yield json.loads(line)["row"], False

    def _note(self, item: Item, offset: int | None) -> None:
        if offset is not None:
            self._journal.note(item.key, offset)
        elif not self._is_journal_full:
            self._is_journal_full = True
            logger.warning(
                "journal.not_written path=%s first_key=%s", self._journal.path, item.key
            )

    def _settle(self, kills: dict[int, Cause], *, alone: bool) -> Iterator[tuple[Row, bool]]:
        """After a worker died: keep what is finished, judge the guilty, hand back the rest."""
        in_flight = self._feed.in_flight
        at_work = {worker.number for worker in running(self._slots)}
        self._remove_parts_under_way()
        yield from self._recovered()
        errors = {n: self._killed(in_flight[n], kills[n]) for n in kills if n in in_flight}
        suspects = sorted(at_work & in_flight.keys())
        if not errors and (alone or (len(suspects) == 1 and not self._settings.retries)):
            errors = {n: _crashed(in_flight[n]) for n in (in_flight if alone else suspects)}
        elif not errors:
            self._suspect(suspects)
        failed = [(in_flight.pop(number), error) for number, error in errors.items()]
        self._feed.hand_back()
        for item, error in failed:
            row = failed_row(item, error)
            self._journal.append(item, row)
            yield row, False

    def _suspect(self, suspects: list[int]) -> None:
        """Set aside what may have killed a worker.

        A worker that died between two items was killed from outside, or could not even
        take its task: a second death in a row without any result is of the second kind.
        """
        in_flight = self._feed.in_flight
        if not suspects:
            self._deaths_unexplained += 1
            suspects = sorted(in_flight) if self._deaths_unexplained > 1 else []
        self._feed.alone.extend(in_flight.pop(number) for number in suspects)

    def _recovered(self) -> Iterator[tuple[Row, bool]]:
        """Yield the rows that dead workers put on record and could not hand over."""
        numbers = {item.key: number for number, item in self._feed.in_flight.items()}
        found = [(numbers[key], row) for key, row in self._journal.sync() if key in numbers]
        for number, row in found:
            if self._feed.in_flight.pop(number, None):
                yield row, False

    def _remove_parts_under_way(self) -> None:
        """Remove what killed workers left half written."""
        for worker in running(self._slots):
            item = self._feed.in_flight.get(worker.number)
            for output in item.outputs if item else ():
                remove_parts(Path(output))

    def _killed(self, item: Item, cause: Cause) -> ItemError:
        if cause == "memory":
            return memory_error(item, self._settings.memory_mb)
        problem = f"took longer than {self._settings.timeout_s:g} s"
        return TimeLimitError(item.key, problem, "Allow more with --timeout-s")


def _crashed(item: Item) -> WorkerCrashError:
    return WorkerCrashError(item.key, "crashed the process that worked on it", "Leave it out")
