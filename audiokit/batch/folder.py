"""A run over folders: sources found, outputs planned, rows gathered, a manifest written."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from audiokit.batch.journal import Journal
from audiokit.batch.manifest import write_manifest
from audiokit.batch.plan import BatchSettings, Item
from audiokit.batch.summary import Tally
from audiokit.batch.worker import run_here
from audiokit.errors import NothingToDoError, ResourceError, SettingError
from audiokit.files.find import Source
from audiokit.files.hash import content_hash
from audiokit.files.plan import plan_outputs

__all__ = ["FolderRun", "ReportRun"]

Row = dict[str, Any]
STATE_FOLDER = ".audiokit"


class FolderRun:
    """One job over many sources.

    Args:
        sources: What was found; all of it is listed before work starts, so that
            collisions of output names are known.
        job: Called with each item; its payload is the source's path and the relative
            paths of its outputs by kind.
        out: Folder for outputs, manifest and journal, or None to report only.
        kinds: Folder and extension of each kind of output; an extension may be a
            function of the source's.
        fingerprint: Changes when settings or versions change the result.
        settings: How the run goes.

    Attributes:
        has_manifest: Whether the rows are written into the folder too.

    Raises:
        NothingToDoError: No source was found.
        SettingError: A result would replace a source, or a file that no run of ours made.
        ItemError: The output folder cannot be made.
    """

    has_manifest: ClassVar[bool] = True

    def __init__(
        self,
        sources: Iterable[Source],
        job: Callable[[Item], Row],
        *,
        out: Path | None,
        kinds: Mapping[str, tuple[str, Any]],
        fingerprint: str,
        settings: BatchSettings,
    ) -> None:
        self.out, self._job, self._fingerprint = out, job, fingerprint
        self._kinds = tuple(kinds)
        self._settings = settings
        plan = plan_outputs(list(sources), kinds)
        self._planned, self.collisions = plan.planned, plan.collisions
        if not self._planned:
            raise NothingToDoError("no recordings were found. Name files, or a folder of some.")
        self.total = len(self._planned)
        if out is not None:
            self._refuse_to_harm(out)
        self.tally = Tally()
        self.manifest_error: ResourceError | None = None

    def plan_rows(self) -> Iterator[Row]:
        """Yield what a run would read and write, doing nothing."""
        for planned in self._planned:
            outputs = {kind: str(path) for kind, path in planned.outputs.items()}
            yield {"source": planned.source.path, **outputs}

    def rows(self) -> Iterator[Row]:
        """Run, and yield one row per source as it ends; then write the manifest."""
        if self.out is None:
            yield from self._rows(None)
            return
        with Journal(self.out / STATE_FOLDER, content_hash=_content_hash_of) as journal:
            yield from self._rows(journal)
            if self.has_manifest:
                self._write_manifest(self.out, journal)

    def _refuse_to_harm(self, out: Path) -> None:
        """Stop before work where a result would replace a source, or someone else's file."""
        sources = {os.path.realpath(planned.source.path) for planned in self._planned}
        is_ours = self._settings.overwrite or (out / STATE_FOLDER).is_dir()
        manifest = [out / "manifest.jsonl"] if self.has_manifest else []
        for path in itertools.chain(manifest, self._targets(out)):
            if os.path.realpath(path) in sources:
                raise SettingError("out", str(out), "another folder", f"{path} is a source.")
            if not is_ours and path.exists():
                hint = "Choose another folder, or add --overwrite to replace it."
                raise SettingError("out", str(out), f"a folder without {path.name}", hint)

    def _targets(self, out: Path) -> Iterator[Path]:
        for planned in self._planned:
            for relative in planned.outputs.values():
                yield out / relative

    def _earlier_keys(self, out: Path, journal: Journal, keys: set[str]) -> Iterator[str]:
        """Yield what earlier runs put into this folder and what is still there."""
        for key in journal.keys():  # noqa: SIM118  no mapping
            if key in keys:
                continue
            row = journal.row(key)
            outputs = [str(out / row[kind]) for kind in self._kinds if row.get(kind)]
            if outputs and journal.are_outputs_intact(key, outputs):
                yield key

    def _write_manifest(self, out: Path, journal: Journal) -> None:
        keys = [planned.source.path for planned in self._planned]
        keys += self._earlier_keys(out, journal, set(keys))
        try:
            write_manifest(out, map(_ordered, journal.rows_in_order(keys)))
        except ResourceError as error:
            # The rows are on record and are told first; the next run writes it.
            self.manifest_error = error

    def _rows(self, journal: Journal | None) -> Iterator[Row]:
        # Whoever looks at one source alone needs no pool.
        from audiokit.batch.run import run_batch

        rows = run_batch(
            self._job, self._items(), self._settings, journal=journal, tally=self.tally
        )
        # Closed at once where the caller stops listening: no worker outlives the run.
        with contextlib.closing(rows):
            for row in rows:
                yield _ordered(row)

    def in_order(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield rows in the order of the sources, whatever order they ended in."""
        waiting: dict[str, Row] = {}
        keys = (planned.source.path for planned in self._planned)
        expected = next(keys, None)
        for row in rows:
            waiting[row["source"]] = row
            while expected in waiting:
                yield waiting.pop(expected)
                expected = next(keys, None)
        for key in itertools.chain([expected], keys):
            if key in waiting:
                yield waiting.pop(key)

    @property
    def has_failures(self) -> bool:
        """Whether any source failed."""
        return self.tally.failed > 0

    def failures(self) -> Iterator[str]:
        """Yield one sentence for each failed source."""
        yield from self.tally.failures

    def sentence(self) -> str:
        """Return the run in one sentence."""
        return self.tally.sentence()

    def _items(self) -> Iterator[Item]:
        for planned in self._planned:
            outputs = {kind: str(path) for kind, path in planned.outputs.items()}
            yield Item(
                key=planned.source.path,
                payload=(planned.source.path, outputs),
                fingerprint=self._fingerprint,
                stamp=_stamp(planned.source.path),
                outputs=tuple(str((self.out or Path()) / path) for path in outputs.values()),
            )


class ReportRun(FolderRun):
    """A run whose rows are printed, and not written: what it draws is only illustration.

    A single source is looked at in this process, as a worker costs more than most looks;
    but not where a limit was set that only a worker can be held to.

    Attributes:
        is_limited: Whether such a limit was set.
    """

    has_manifest = False
    is_limited = False

    def rows(self) -> Iterator[Row]:
        if self.total > 1 or self.out is not None or self.is_limited:
            yield from super().rows()
            return
        for item in self._items():
            row = run_here(self._job, item, retries=self._settings.retries)
            self.tally.add(row, resumed=False)
            yield _ordered(row)


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None  # a URL, or gone: the job will say
    return status.st_size, status.st_mtime_ns


def _content_hash_of(item: Item) -> str:
    path, _ = item.payload
    return content_hash(path) or ""


def _ordered(row: Row) -> Row:
    """Return a row with the columns everyone looks for in front."""
    first = {
        "source": row.get("key"),
        "status": row.get("status"),
        "error": row.get("error"),
        "error_type": row.get("error_type"),
    }
    return first | {name: value for name, value in row.items() if name not in {*first, "key"}}
