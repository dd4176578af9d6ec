"""joblib, as this engine uses it: chunks in, results out as they end, one thread each."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from audiokit.batch.plan import BatchSettings, Item, Job
from audiokit.batch.worker import ChunkResult, Desk, prepare_worker, run_chunk

__all__ = ["count_workers", "results_of"]

# Chunks handed out ahead for each worker: one to work on, one to go on with.
_AHEAD = 2


def count_workers(settings: BatchSettings) -> int:
    """Return how many workers a run has; cores that a container may not use do not count."""
    import joblib

    return settings.jobs or int(joblib.cpu_count())


@contextlib.contextmanager
def results_of(
    job: Job,
    chunks: Iterable[Sequence[tuple[int, Item]]],
    desk: Desk,
    *,
    settings: BatchSettings,
    workers: int,
) -> Iterator[Iterator[ChunkResult]]:
    """Give chunks to workers, at most two each ahead; yield an iterator of what ends.

    Leaving the context with work under way kills the workers.

    Args:
        job: What to do with each item.
        chunks: Taken from a thread of joblib's whenever a worker is free. Must not raise:
            joblib would wait for ever.
        desk: What every chunk needs.
        settings: Of the run.
        workers: How many.

    Raises:
        BrokenProcessPool: A worker died, and joblib ended the others.
    """
    import joblib

    isolated = settings.backend == "loky"
    parallel = joblib.Parallel(
        n_jobs=workers,
        backend=_process_backend()(inner_max_num_threads=1) if isolated else "threading",
        return_as="generator_unordered",
        pre_dispatch=_AHEAD * workers,
        batch_size=1,
        max_nbytes=None,
    )
    if isolated:
        _do_without_pgrep()
    results = parallel(joblib.delayed(run_chunk)(job, chunk, desk) for chunk in chunks)
    try:
        yield results
    finally:
        # `close` would warn of work left undone, which is what is wanted here.
        with contextlib.suppress(_AbandonedError, StopIteration):
            results.throw(_AbandonedError)


class _AbandonedError(Exception):
    """Thrown into joblib's generator: stop, and kill what is at work."""


def _do_without_pgrep() -> None:
    """Let loky end its workers where the system has no `pgrep` to look for grandchildren.

    It then means to warn and kill the children alone, by a method that its own `Popen`
    lacks (joblib 1.6): the thread that should have told us of the crash dies instead.
    """
    from joblib.externals.loky.backend.popen_loky_posix import Popen

    def kill(popen: Any) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(popen.pid, signal.SIGKILL)

    if not hasattr(Popen, "kill"):
        Popen.kill = kill
    warnings.filterwarnings("ignore", "Failed to kill subprocesses", UserWarning)


@functools.cache
def _process_backend() -> type[Any]:
    """Return joblib's process backend, with isolated workers even where there is one only."""
    from joblib.executor import get_memmapping_executor
    from joblib.parallel import LokyBackend

    class WorkerBackend(LokyBackend):  # type: ignore[misc]  # joblib ships no types
        def configure(self, n_jobs: int = 1, parallel: Any = None, **options: Any) -> int:
            options |= {"initializer": prepare_worker, "initargs": (os.getpid(),)}
            if n_jobs != 1:
                return int(super().configure(n_jobs, parallel, **options))
            # joblib would run a single job in this very process, where a crash is ours.
            self._workers = get_memmapping_executor(
                1,
                timeout=300,
                env=self._prepare_worker_env(n_jobs=1),
                context_id=parallel._id,  # noqa: SLF001  as joblib's own backend does
                **options,
            )
            self.parallel = parallel
            # Told 1, `Parallel` would not ask its backend at all.
            return 2

    return WorkerBackend
