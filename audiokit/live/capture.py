"""From a source to packets, for as long as the source can be had."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from audiokit.errors import AudiokitError
from audiokit.live.report import Report
from audiokit.live.session import Event
from audiokit.live.source import Source

__all__ = ["Capture", "Maker"]

_AGAIN_S = (0.5, 1.0, 2.0, 4.0)
# Less than this is a late thread, not a device that was away.
_LEAST_GAP_S = 0.3


class Maker(Protocol):
    """What makes something of samples: packets, or a file."""

    def push(self, pcm: bytes) -> Iterable[bytes]:
        """Take the next samples; return the packets that are full."""
        ...

    def finish(self) -> Iterable[bytes]:
        """End the stream; return the packets that are left."""
        ...


class Capture:
    """Read a source, encode it, hand the packets on; open it again when it fails.

    While a device is away its time is filled with silence, so that packets keep their place
    in time.

    Args:
        source: What to record.
        maker: What encodes it.
        push: Takes each packet, and the packet's maker with what was heard in it.
        tell: Takes what the session machine is to know.
        report: Is told of failures.

    Attributes:
        n_failures: How often the source failed.
    """

    def __init__(
        self,
        source: Source,
        maker: Maker,
        *,
        push: Callable[[bytes], None],
        tell: Callable[[Event], None],
        report: Report,
    ) -> None:
        self._source, self._maker = source, maker
        self._push, self._tell, self._report = push, tell, report
        self._is_ending = False
        self._n_bytes = 0
        self.n_failures = 0

    async def run(self) -> None:
        """Record until the source ends, or `stop`; then hand over the last packet.

        Raises:
            AudiokitError: The source has failed, and is not of the kind that comes back.
        """
        began_s = time.monotonic()
        try:
            while not await self._record(began_s):
                pass
        finally:
            for packet in self._maker.finish():
                self._push(packet)

    async def stop(self) -> None:
        """End the source."""
        self._is_ending = True
        await self._source.close()

    async def _record(self, began_s: float) -> bool:
        """Read until the source ends or fails; return whether it has ended."""
        try:
            await self._source.open()
            if self._is_ending:
                # It was told to end while it was being opened.
                await self._source.close()
            if self.n_failures:
                await self._fill_gap(began_s)
                self._tell(Event.RECOVER)
                self._report("source.back", failures=self.n_failures)
            while piece := await self._source.read():
                self._take(piece)
        except AudiokitError as error:
            if not self._source.may_return or self._is_ending:
                raise
            self._tell(Event.FAIL)
            self._report("source.failed", reason=str(error))
            await self._source.close()
            await asyncio.sleep(_AGAIN_S[min(self.n_failures, len(_AGAIN_S) - 1)])
            self.n_failures += 1
            return self._is_ending
        return True

    def _take(self, pcm: bytes) -> None:
        self._n_bytes += len(pcm)
        for packet in self._maker.push(pcm):
            self._push(packet)

    async def _fill_gap(self, began_s: float) -> None:
        fmt = self._source.fmt
        gap_s = time.monotonic() - began_s - self._n_bytes / fmt.n_bytes(1.0)
        while gap_s > _LEAST_GAP_S:
            piece_s = min(gap_s, 1.0)
            self._take(bytes(fmt.n_bytes(piece_s)))
            gap_s -= piece_s
            # An hour of silence takes seconds to encode: the connection goes on meanwhile.
            await asyncio.sleep(0)
