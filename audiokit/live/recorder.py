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
    """What a recording becomes."""

    fmt: PcmFormat
    n_samples: int

    @property
    def is_full(self) -> bool:
        """Whether it has all that it shall have."""
        ...

    def sync(self) -> None:
        """Bring all that was written through a power cut."""
        ...


class Recorder:
    """Records until the source ends, the take is full, or it is told to stop.

    Args:
        microphone: What to record.
        take: What it becomes.
        report: Is told what happens.
    """

    def __init__(self, microphone: Microphone, take: Take, *, report: Report) -> None:
        self._microphone, self._take, self._report = microphone, take, report
        self._capture = Capture(
            microphone,
            take,
            push=lambda _: None,
            tell=lambda _: None,
            report=report,
        )
        self._is_stopping = False

    async def run(self) -> None:
        """Record.

        Raises:
            AudiokitError: The source failed and does not come back, or the disk is full.
        """
        self._report("record.started")
        capture = asyncio.ensure_future(self._capture.run())
        beside = asyncio.ensure_future(self._tell())
        try:
            while not capture.done() and not self._take.is_full:
                await asyncio.wait({capture}, timeout=0.05)
            if not capture.done():
                await self._capture.stop()
            await capture
        finally:
            beside.cancel()
            capture.cancel()
            await asyncio.gather(beside, capture, return_exceptions=True)
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
