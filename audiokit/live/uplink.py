"""One session on its way to a server, over as many connections as that takes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from audiokit.errors import PeerProtocolError, RefusedError, WireError
from audiokit.live.backoff import Backoff
from audiokit.live.clock import ClockMeter
from audiokit.live.link import Link, LinkLostError
from audiokit.live.messages import (
    Ack,
    Clock,
    ClockReply,
    Hello,
    Message,
    Refusal,
    Resend,
    Welcome,
)
from audiokit.live.packets import AudioPacket
from audiokit.live.sender import Sender

__all__ = ["Uplink", "UplinkObserver"]

_log = logging.getLogger(__name__)
_WELCOME_S = 5.0
_CLOCK_EVERY_S = 10.0
# Of the first exchanges one is soon a quick one.
_EARLY_CLOCKS, _EARLY_CLOCK_S = 4, 0.5
# While the connection is full, what waited looks again so often whether it has emptied.
_FULL_S = 0.01
# What this server will not take now, it may take later.
_PASSING = {"busy", "full", "storage"}


class UplinkObserver(Protocol):
    """Who is told what happens to a session on its way."""

    def connected(self, next_sequence: int) -> None:
        """There is a connection; the server has every packet below this one."""
        ...

    def disconnected(self, reason: str) -> None:
        """There is none any more; no reason: everything has arrived."""
        ...

    def unreachable(self, reason: str) -> None:
        """A try to connect has failed."""
        ...

    def received(self, item: Message | AudioPacket) -> None:
        """The server sent something that is not about the session's packets."""
        ...


class Uplink:
    """Keep one session's packets going to a server.

    Args:
        hello: Who this is; `first` is filled in.
        sender: What is to arrive.
        dial: Opens a connection; see `Dialer.dial`.
        backoff: How long to wait between tries.
        observer: Who is told.

    Attributes:
        clock: The server's clock and the round trip.
        is_connected: Whether there is a connection now.
        n_connections: How many there have been.
    """

    def __init__(
        self,
        hello: Hello,
        sender: Sender,
        *,
        dial: Callable[[], Awaitable[Link]],
        backoff: Backoff,
        observer: UplinkObserver,
    ) -> None:
        self._hello, self._sender = hello, sender
        self._dial, self._backoff, self._observer = dial, backoff, observer
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()
        self._finished = asyncio.Event()
        self._link: Link | None = None
        self._epoch_s = time.time() - time.monotonic()
        self.clock = ClockMeter()
        self.n_connections = 0

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._link is not None

    def push(self, data: bytes) -> None:
        """Take a newly recorded packet."""
        self._sender.push(data)
        self._wake.set()

    def finish(self) -> None:
        """Say that no more packets will come: `run` ends when all have arrived."""
        self._finished.set()
        self._changed.set()

    def reconnect(self, dial: Callable[[], Awaitable[Link]] | None = None) -> None:
        """Drop the connection, if there is one, and open another, in this or another way."""
        self._dial = dial or self._dial
        self._backoff.reset()
        self._changed.set()
        if self._link is not None:
            self._link.abort()

    async def run(self) -> None:
        """Connect, and connect again, until all has arrived after `finish`.

        Cancelling it ends the connection, or the try to open one, whichever there is.

        Raises:
            WireError: The server will not have this client, before it ever had it.
        """
        while not self._is_done():
            try:
                link = await self._open()
            except LinkLostError as error:
                self._observer.unreachable(str(error))
            except WireError as error:
                if not self.n_connections:
                    raise
                # Who was let in once will be again: somebody is at work on the server.
                self._observer.unreachable(str(error))
            else:
                await self._use(link)
            if not self._is_done():
                await self._pause()

    async def _open(self) -> Link:
        """Return a connection on which the server has said what it needs."""
        link = await self._dial()
        with contextlib.ExitStack() as undo:
            undo.callback(link.abort)
            try:
                await link.send(replace(self._hello, first=self._sender.first))
                welcome = await asyncio.wait_for(self._welcome(link), _WELCOME_S)
            except asyncio.TimeoutError as error:
                raise LinkLostError("the server", "says no welcome") from error
            self._sender.open(welcome, time.monotonic())
            undo.pop_all()
        self._link = link
        self.n_connections += 1
        self._observer.connected(welcome.next)
        return link

    async def _welcome(self, link: Link) -> Welcome:
        while True:
            item = await link.receive()
            if isinstance(item, Welcome):
                return item
            if isinstance(item, Refusal):
                raise _refused(item)
            if item is not None:
                raise PeerProtocolError("the server", "says something else than welcome")

    async def _use(self, link: Link) -> None:
        """Send and receive until the connection ends; then keep what may not have arrived."""
        work = [
            asyncio.ensure_future(job)
            for job in (
                *(self._send(link), self._receive(link), self._ask(link)),
                *(link.watch(), self._finish()),
            )
        ]
        reason = ""
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            failed = [item.exception() for item in work if item.done()]
            reason = "; ".join(str(error) for error in failed if error is not None)
            for error in failed:
                if error is not None and not isinstance(error, WireError):
                    raise error
            if not reason:
                await link.close()
        finally:
            for item in work:
                item.cancel()
            link.abort()
            self._link = None
            self._sender.close()
            await asyncio.gather(*work, return_exceptions=True)
            self._observer.disconnected(reason)

    async def _send(self, link: Link) -> None:
        sender = self._sender
        while True:
            self._wake.clear()
            for item in sender.pull(time.monotonic(), has_room=link.has_room):
                await link.send(item)
            pause_s = sender.pause_s()
            if pause_s is None:
                await self._wake.wait()
            elif not self._wake.is_set():
                await asyncio.sleep(pause_s if link.has_room else max(pause_s, _FULL_S))

    async def _receive(self, link: Link) -> None:
        """Take what the server says; return when everything has arrived."""
        while not self._is_done():
            item = await link.receive()
            if isinstance(item, Ack):
                self._sender.acknowledge(item)
                # Only now is it sure that packets come through.
                self._backoff.reset()
            elif isinstance(item, Resend):
                self._sender.resend(item.first, item.next)
                self._wake.set()
            elif isinstance(item, ClockReply):
                self.clock.take(item, self._now_s())
            elif isinstance(item, Refusal):
                raise _refused(item)
            elif item is not None:
                self._observer.received(item)

    async def _finish(self) -> None:
        """Return once no more packets will come, if all have arrived by then."""
        await self._finished.wait()
        if not self._is_done():
            # The last word is the server's, and `_receive` hears it.
            await asyncio.Event().wait()

    async def _ask(self, link: Link) -> None:
        """Ask for the server's clock now and then."""
        n_asked = 0
        while True:
            await link.send(Clock(self._now_s()))
            n_asked += 1
            await asyncio.sleep(_EARLY_CLOCK_S if n_asked < _EARLY_CLOCKS else _CLOCK_EVERY_S)

    async def _pause(self) -> None:
        self._changed.clear()
        wait_s = self._backoff.wait_s(time.monotonic())
        try:
            await asyncio.wait_for(self._changed.wait(), wait_s)
        except asyncio.TimeoutError:
            return

    def _now_s(self) -> float:
        """Return Unix time as it was known at the start: setting the clock moves nothing."""
        return self._epoch_s + time.monotonic()

    def _is_done(self) -> bool:
        return self._finished.is_set() and self._sender.is_drained


def _refused(refusal: Refusal) -> WireError:
    text = f"says {refusal.code} ({refusal.message})"
    if refusal.code in _PASSING:
        return LinkLostError("the server", text)
    if refusal.code == "protocol":
        return PeerProtocolError("the server", text)
    return RefusedError("the server", text, "Update the older of both ends.")
