"""The receiving end: an asyncio shell that takes sessions from any number of clients."""

from __future__ import annotations

import asyncio
import hmac
import http
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from audiokit.errors import AudiokitError, ItemError, PeerProtocolError, item_error_from_os
from audiokit.live.answers import Answers
from audiokit.live.link import MAX_MESSAGE_BYTES, Link, LinkLostError
from audiokit.live.messages import (
    SUBPROTOCOL,
    Clock,
    ClockReply,
    Gone,
    Hello,
    Refusal,
    Welcome,
)
from audiokit.live.packets import VERSION, AudioPacket
from audiokit.live.recording import Recording
from audiokit.live.report import Report, quiet_websockets
from audiokit.ranges import check_range

__all__ = ["Address", "Listener", "ListenerSettings", "Sessions"]

_HELLO_S = 5.0
_ACK_EVERY_S = 1.0
# A client asks for the time every 10 s.
_GOODBYE_S = 25.0


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """Whom to let in.

    Args:
        token: What a client must bring; None lets everybody in.
        max_sessions: Sessions at a time, 1 to 10000.
    """

    token: str | None = field(default=None, repr=False)
    max_sessions: int = 64

    def __post_init__(self) -> None:
        check_range("max_sessions", self.max_sessions, 1, 10_000)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen.

    Args:
        host: A name or an address of this machine.
        port: 0 for any that is free.
        tls: Certificate and key; None for ``ws://``.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = field(default=None, repr=False)


class Sessions(Protocol):
    """What a listener does with the sessions that come."""

    def open(self, hello: Hello) -> Recording:
        """Return a session's recording, new or taken up again.

        Raises:
            AudiokitError: It cannot be had; the client may try again later.
        """
        ...

    def done(self, session: str) -> int | None:
        """Return what follows the last packet of a session that is done; None for others."""
        ...

    async def arrived(self, recording: Recording, packet: AudioPacket) -> None:
        """Take a new packet, in the order of arrival."""
        ...

    async def completed(self, recording: Recording) -> None:
        """Take a session of which everything is here."""
        ...


@dataclass(slots=True)
class _Guest:
    """One client's connection, and what it brings."""

    recording: Recording
    link: Link
    news: asyncio.Event = field(default_factory=asyncio.Event)
    end: asyncio.Event = field(default_factory=asyncio.Event)


class Listener:
    """Take sessions, acknowledge what is kept, and say what happens.

    Args:
        sessions: What becomes of them.
        settings: Whom to let in.
        report: Who is told.
        answers: What is said to clients that have spoken; None for nothing.

    Attributes:
        settings: Whom to let in; may be changed for those who come later.
    """

    def __init__(
        self,
        sessions: Sessions,
        settings: ListenerSettings,
        *,
        report: Report,
        answers: Answers | None = None,
    ) -> None:
        self._sessions, self.settings, self._report = sessions, settings, report
        self._answers = answers
        self._recordings: dict[str, Recording] = {}
        self._guests: dict[str, _Guest] = {}
        self._closing: dict[str, int] = {}

    @property
    def recordings(self) -> list[Recording]:
        """The sessions that are not complete."""
        return list(self._recordings.values())

    @asynccontextmanager
    async def serving(self, address: Address) -> AsyncIterator[Server]:
        """Listen for as long as the body runs.

        Raises:
            ItemError: The address cannot be had.
        """
        try:
            server = await serve(
                self._meet,
                address.host,
                address.port,
                ssl=address.tls,
                process_request=self._admit,
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                compression=None,
                max_size=MAX_MESSAGE_BYTES,
                max_queue=64,
                open_timeout=_HELLO_S,
                close_timeout=1.0,
                server_header="audiokit",
                logger=quiet_websockets(),
            )
        except OSError as error:
            raise item_error_from_os(error, f"{address.host}:{address.port}") from error
        try:
            yield server
        finally:
            server.close()
            await server.wait_closed()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse who does not bring the token, before anything else is read."""
        token = self.settings.token
        if token is None:
            return None
        given = request.headers.get_all("Authorization")
        expected = f"Bearer {token}".encode()
        if len(given) == 1 and hmac.compare_digest(given[0].encode(), expected):
            return None
        self._report("listen.refused", peer=_peer(connection))
        response = connection.respond(http.HTTPStatus.UNAUTHORIZED, "A token is needed.\n")
        response.headers["WWW-Authenticate"] = "Bearer"
        return response

    async def _meet(self, connection: ServerConnection) -> None:
        """Serve one client from its hello to its end, whatever it sends."""
        peer = _peer(connection)
        link = Link(connection, peer)
        try:
            hello = await asyncio.wait_for(self._greeted(link), _HELLO_S)
            if hello is not None:
                await self._host(hello, link)
        except asyncio.TimeoutError:
            link.abort()
        except LinkLostError as error:
            self._report("listen.lost", peer=peer, reason=str(error))
        except PeerProtocolError as error:
            self._report("listen.fault", peer=peer, reason=str(error))
            await self._refuse(link, Refusal("protocol", str(error)))
        except ItemError as error:
            self._report("listen.stuck", peer=peer, reason=str(error))
            await self._refuse(link, Refusal("storage", "It cannot be kept at present."))

    async def _greeted(self, link: Link) -> Hello | None:
        """Return what a client says first; None when it has been sent away."""
        hello = await link.receive()
        if not isinstance(hello, Hello):
            raise PeerProtocolError("message", "is another one than hello")
        if hello.version != VERSION:
            text = f"This server speaks version {VERSION}."
            await self._refuse(link, Refusal("version", text))
            return None
        is_new = hello.session not in self._guests
        if is_new and len(self._guests) >= self.settings.max_sessions:
            await self._refuse(link, Refusal("full", "There are too many sessions."))
            return None
        return hello

    async def _host(self, hello: Hello, link: Link) -> None:
        following = self._closing.get(hello.session, self._sessions.done(hello.session))
        if following is not None:
            await link.send(Welcome(following))
            await self._goodbye(link)
            return
        former = self._guests.pop(hello.session, None)
        if former is not None:
            # Who comes back does not use the connection that it left, dead or not.
            former.link.abort()
        recording = self._recordings.get(hello.session)
        if recording is None:
            try:
                recording = self._recordings[hello.session] = self._sessions.open(hello)
            except AudiokitError as error:
                await self._refuse(link, Refusal("busy", str(error)[:500]))
                return
        guest = self._guests[hello.session] = _Guest(recording, link)
        try:
            await self._serve(guest, hello)
        except ItemError:
            # What it says it has, it may not have: the next one reads from the disk.
            self._recordings.pop(hello.session, recording).close()
            raise
        finally:
            if self._guests.get(hello.session) is guest:
                del self._guests[hello.session]

    async def _serve(self, guest: _Guest, hello: Hello) -> None:
        receiver = guest.recording.receiver
        ack = receiver.ack()
        await guest.link.send(Welcome(ack.next, ack.have))
        self._report("listen.connected", session=hello.session, name=hello.name, next=ack.next)
        if self._answers is not None:
            self._answers.welcome(hello, guest.link)
        work = [
            asyncio.ensure_future(self._receive(guest)),
            asyncio.ensure_future(self._acknowledge(guest)),
        ]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for item in work:
                item.cancel()
            await asyncio.gather(*work, return_exceptions=True)
        # Even if the client has left: what is here is here, and it may ask once more.
        if receiver.is_complete and hello.session not in self._closing:
            await self._complete(guest)
        for item in done:
            item.result()

    async def _complete(self, guest: _Guest) -> None:
        session = guest.recording.hello.session
        self._closing[session] = guest.recording.receiver.next
        self._recordings.pop(session, None)
        try:
            await asyncio.gather(
                self._sessions.completed(guest.recording), self._goodbye(guest.link)
            )
        finally:
            del self._closing[session]

    async def _receive(self, guest: _Guest) -> None:
        link, recording = guest.link, guest.recording
        while True:
            item = await link.receive()
            if isinstance(item, AudioPacket):
                if recording.add(item):
                    await self._sessions.arrived(recording, item)
                    if self._answers is not None:
                        self._answers.hear(recording.hello, item)
                guest.news.set()
            elif isinstance(item, Gone):
                recording.give_up(item)
                self._report("listen.gone", session=recording.hello.session, first=item.first)
                guest.news.set()
            elif isinstance(item, Clock):
                await self._tell_time(link, item)
            elif isinstance(item, Refusal):
                self._report("listen.left", reason=item.message)
                return
            elif item is not None:
                raise PeerProtocolError("message", f"{item.TYPE} is not a client's")
            if recording.receiver.is_complete:
                guest.end.set()

    async def _acknowledge(self, guest: _Guest) -> None:
        """Say about once a second what is kept; return when that is all."""
        recording, loop = guest.recording, asyncio.get_running_loop()
        if recording.receiver.is_complete:
            guest.news.set()
            guest.end.set()
        while True:
            await guest.news.wait()
            await _wait_at_most(guest.end, _ACK_EVERY_S)
            guest.news.clear()
            ack = recording.receiver.ack()
            try:
                await loop.run_in_executor(None, recording.sync_later())
            except OSError as error:
                raise item_error_from_os(error, str(recording.path)) from error
            await guest.link.send(ack)
            if guest.end.is_set():
                return

    async def _refuse(self, link: Link, refusal: Refusal) -> None:
        try:
            await link.send(refusal)
        except LinkLostError:
            return
        await link.close()

    async def _goodbye(self, link: Link) -> None:
        """Let the client close, as it will when it knows that everything has arrived.

        It may wait for a reply before that; meanwhile it asks for the time now and then.
        """
        try:
            while True:
                item = await asyncio.wait_for(link.receive(), _GOODBYE_S)
                if isinstance(item, Clock):
                    await self._tell_time(link, item)
        except (LinkLostError, asyncio.TimeoutError):
            await link.close()

    async def _tell_time(self, link: Link, question: Clock) -> None:
        came_s = time.time()
        await link.send(ClockReply(question.t1_s, came_s, time.time()))


async def _wait_at_most(event: asyncio.Event, timeout_s: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except asyncio.TimeoutError:
        return


def _peer(connection: ServerConnection) -> str:
    address = connection.remote_address
    return f"{address[0]}:{address[1]}" if address else "unknown"
