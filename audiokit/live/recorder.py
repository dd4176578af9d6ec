"""From a microphone to a file, for as long as it is wanted."""

from __future__ import annotations

import asyncio
import math
from typing import Protocol

from audiokit.errors import AudiokitError
from audiokit.live.capture import Capture, Maker
from audiokit.live.microphone import Microphone
from audiokit.live.pcm import PcmFormat
from audiokit.live.report import Report

__all__ = ["Recorder", "Take"]

_STATUS_EVERY_S = 1.0
# A disk that spins up holds up a thread, and no sample.
_SYNC_EVERY = 5


class Take(Maker, Protocol):
    """What a recording becomes; its `push` returns a piece when it is full."""

    fmt: PcmFormat
    n_samples: int

    def sync(self) -> None:
        """Bring all that was written through a power cut."""
        ...


class Recorder:
    """Records until the source ends, the take is full, or it is told to stop.

    Build it within a running event loop.

    Args:
        microphone: What to record.
        take: What it becomes.
        report: Is told what happens.
    """

    def __init__(self, microphone: Microphone, take: Take, *, report: Report) -> None:
        self._microphone, self._take, self._report = microphone, take, report
        self._is_full = asyncio.Event()
        self._capture = Capture(
            microphone,
            take,
            push=lambda _: self._is_full.set(),
            tell=lambda _: None,
            report=report,
        )

    async def run(self) -> None:
        """Record.

        Raises:
            AudiokitError: The source failed and does not come back, or the disk is full.
        """
        self._report("record.started")
        capture = asyncio.ensure_future(self._capture.run())
        full = asyncio.ensure_future(self._is_full.wait())
        telling = asyncio.ensure_future(self._tell())
        try:
            await asyncio.wait({capture, full}, return_when=asyncio.FIRST_COMPLETED)
            if not capture.done():
                await self._capture.stop()
            await capture
        finally:
            for job in (capture, full, telling):
                job.cancel()
            await asyncio.gather(capture, full, telling, return_exceptions=True)
            await self._microphone.close()
        self._report("record.ended", **self._facts())

    async def drain(self) -> None:
        """End the source; `run` completes the file."""
        await self._capture.stop()

    def _facts(self) -> dict[str, float | str | bool | None]:
        watch = self._microphone.watch
        peak = watch.peak / 32768.0
        return {
            "recorded_s": round(self._take.n_samples / self._take.fmt.sample_rate, 3),
            "samples": self._take.n_samples,
            "peak_dbfs": round(20.0 * math.log10(peak), 1) if peak else None,
            "overruns": self._microphone.n_overruns,
            "clipped": watch.n_clipped,
            "failures": self._capture.n_failures,
        }

    async def _tell(self) -> None:
        loop, n_told = asyncio.get_running_loop(), 0
        while True:
            await asyncio.sleep(_STATUS_EVERY_S)
            n_told += 1
            self._report("record.status", **self._facts())
            if n_told % _SYNC_EVERY == 0:
                try:
                    await loop.run_in_executor(None, self._take.sync)
                except (OSError, AudiokitError) as error:
                    self._report("record.unsafe", reason=str(error))
