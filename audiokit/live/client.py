"""A microphone's client: record, send what can be sent, keep the rest, play replies."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from audiokit.errors import AudiokitError, UndeliveredError
from audiokit.live.backoff import Backoff, BackoffSettings
from audiokit.live.capture import Capture
from audiokit.live.connect import Dialer
from audiokit.live.encoding import PacketMaker
from audiokit.live.leftovers import deliver_leftovers
from audiokit.live.messages import Hello, Message, Play, Selected
from audiokit.live.packets import AudioPacket, is_speech
from audiokit.live.playback import Playback
from audiokit.live.report import Report
from audiokit.live.sender import Sender, SenderSettings
from audiokit.live.session import Event, Session
from audiokit.live.source import Source
from audiokit.live.speaker import Speaker
from audiokit.live.store import SpoolStore
from audiokit.live.uplink import Uplink
from audiokit.ranges import check_range

if TYPE_CHECKING:
    from audiokit.stage import Chain

__all__ = ["Client", "ClientSettings", "Devices"]

_STATUS_EVERY_S = 1.0
# A pause of a speaker, not one between two words; and an outage that deserves a word.
_UTTERANCE_PAUSE_S, _OFFLINE_S = 0.7, 1.0
_SYNC_EVERY_S = 2.0
_SPEAKER_AGAIN_S = 1.0
_LOOK_EVERY_S = 0.05
_CANCEL_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How a client goes about it.

    Args:
        name: What the server shall call this microphone, up to 64 characters.
        drain_s: How long to go on sending when the source has ended, 0 to 3600 s.
        reply_wait_s: How long to wait for a reply then, 0 to 3600 s.
        offline_reply: A WAV file to play when somebody has spoken and there is no server.
        backoff: Waits between tries to connect.
        sender: Replay of what waited.
    """

    name: str = ""
    drain_s: float = 10.0
    reply_wait_s: float = 0.0
    offline_reply: Path | None = None
    backoff: BackoffSettings = field(default_factory=BackoffSettings)
    sender: SenderSettings = field(default_factory=SenderSettings)

    def __post_init__(self) -> None:
        check_range("name", len(self.name), 0, 64, unit="characters")
        check_range("drain_s", self.drain_s, 0.0, 3600.0, unit="s")
        check_range("reply_wait_s", self.reply_wait_s, 0.0, 3600.0, unit="s")


@dataclass(frozen=True, slots=True)
class Devices:
    """What a client hears and speaks with.

    Args:
        source: What to record.
        speaker: What plays replies; None to ignore them.
    """

    source: Source
    speaker: Speaker | None = None


class Client:
    """One microphone and one server, until the source ends.

    Build it within a running event loop.

    Args:
        devices: What to record, and what to play on.
        maker: What makes packets of it.
        place: Where they wait for the server.
        dialer: Opens connections.
        settings: See there.
        report: Is told what happens.

    Attributes:
        session: The session machine.

    Raises:
        ItemError: The spool cannot be made.
        SourceError: The offline reply cannot be read.
    """

    def __init__(
        self,
        devices: Devices,
        maker: PacketMaker,
        place: SpoolStore,
        *,
        dialer: Dialer,
        settings: ClientSettings,
        report: Report,
    ) -> None:
        self._source, self._maker = devices.source, maker
        self._dialer, self._settings, self._report = dialer, settings, report
        self._leftovers = list(place.leftovers())
        name = "".join(letter for letter in settings.name if letter.isprintable())
        hello = Hello(secrets.token_hex(16), maker.format, 0, time.time(), name)
        self._spooled = place.begin(hello)
        self._sender = Sender(
            self._spooled.spool, packet_s=maker.format.packet_s, settings=settings.sender
        )
        self._uplink = Uplink(
            hello,
            self._sender,
            dial=dialer.dial,
            backoff=Backoff(settings.backoff, SystemRandom()),
            observer=self,
        )
        self._capture = Capture(
            devices.source, maker, push=self._push, tell=self._go, report=report
        )
        self._playback: Playback | None = None
        if devices.speaker is not None:
            self._playback = Playback(
                devices.speaker,
                tell=self._go,
                heard=maker.heard,
                round_trip_s=lambda: self._uplink.clock.round_trip_s,
                offline_reply=settings.offline_reply,
            )
        self.session = Session()
        self._has_ended = False
        self._has_connected = asyncio.Event()
        self._offline_since_s: float | None = time.monotonic()
        self._n_played = self._n_quiet = self._n_dropped = 0
        self._has_spoken = self._has_said_offline = False

    async def run(self) -> None:
        """Record and send until the source ends and all has arrived, or time is up.

        Raises:
            UndeliveredError: Time was up; what is left is sent by the next client on this
                spool.
            WireError: The server will not have this client at all.
            AudiokitError: The source failed.
        """
        self._go(Event.START)
        self._report("stream.started", session=self._spooled.hello.session)
        uplink = asyncio.ensure_future(self._uplink.run())
        capture = asyncio.ensure_future(self._capture.run())
        leftovers = asyncio.ensure_future(self._deliver_leftovers(uplink))
        beside = [leftovers, *(asyncio.ensure_future(job) for job in self._jobs())]
        try:
            await asyncio.wait({uplink, capture}, return_when=asyncio.FIRST_COMPLETED)
            if not capture.done():
                # Only a server that will not have us ends the uplink before the source.
                await self._capture.stop()
                await asyncio.wait({capture})
            self._has_ended = True
            self._go(Event.FINISH)
            await self._await_reply(uplink)
            self._uplink.finish()
            await asyncio.wait({uplink, leftovers}, timeout=self._settings.drain_s)
        finally:
            jobs = (uplink, capture, *beside)
            await _end_all(jobs)
            results = await asyncio.gather(*jobs, return_exceptions=True)
            await self._source.close()
            n_left = self._put_away()
        for result in results:
            if isinstance(result, Exception):
                raise result
        if not self._sender.is_drained:
            raise UndeliveredError(
                self._dialer.endpoint.url,
                f"{n_left} packets have not arrived yet",
                f"They wait in {self._spooled.spool.folder}; the next stream sends them",
            )

    async def drain(self) -> None:
        """End the source, and send what is left."""
        await self._capture.stop()

    def reload(self, dialer: Dialer, chain: Chain | None) -> None:
        """Connect anew and process anew; what was recorded so far is not lost.

        Args:
            dialer: Opens connections from now on.
            chain: What the samples go through from now on.

        Raises:
            SettingError: The chain gives another format: all stays as it was.
        """
        for packet in self._maker.replace_chain(chain):
            self._push(packet)
        self._dialer = dialer
        self._uplink.reconnect(dialer.dial)
        self._report("stream.reloaded")

    # What the uplink says: see `UplinkObserver`.

    def connected(self, next_sequence: int) -> None:
        """There is a connection."""
        self._offline_since_s, self._has_said_offline = None, False
        self._has_connected.set()
        self._go(Event.CONNECTED)
        pending = self._sender.n_pending
        self._report("stream.connected", next=next_sequence, waiting=pending)

    def disconnected(self, reason: str) -> None:
        """There is none any more."""
        self._offline_since_s = time.monotonic()
        self._go(Event.DISCONNECTED)
        if self._playback is not None:
            self._playback.disconnected()
        if reason:
            self._report("stream.disconnected", reason=reason)

    def unreachable(self, reason: str) -> None:
        """A try to connect has failed."""
        self._report("stream.unreachable", reason=reason)

    def received(self, item: Message | AudioPacket) -> None:
        """The server speaks, or says something about this microphone."""
        if isinstance(item, Play | AudioPacket):
            if self._playback is not None:
                self._playback.take(item)
        elif isinstance(item, Selected):
            self._report("stream.selected", is_selected=item.is_selected)

    def _jobs(self) -> Iterator[Coroutine[Any, Any, None]]:
        yield self._tell_status()
        yield self._sync()
        if self._playback is not None:
            yield self._play_on(self._playback)

    async def _deliver_leftovers(self, uplink: asyncio.Future[None]) -> None:
        """Send what earlier runs left, once the server has let the running session in."""
        connected = asyncio.ensure_future(self._has_connected.wait())
        both: list[asyncio.Future[Any]] = [connected, uplink]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        connected.cancel()
        if not self._has_connected.is_set():
            return
        await deliver_leftovers(
            self._leftovers,
            dial=lambda: self._dialer.dial(),  # noqa: PLW0108  there may be another by then
            settings=self._settings.sender,
            report=self._report,
        )

    def _push(self, data: bytes) -> None:
        self._uplink.push(data)
        n_quiet = round(_UTTERANCE_PAUSE_S / self._maker.format.packet_s)
        if is_speech(data):
            self._has_spoken, self._n_quiet = True, 0
        elif self._has_spoken:
            self._n_quiet += 1
            if self._n_quiet >= n_quiet:
                self._has_spoken = False
                self._answer_offline()

    def _answer_offline(self) -> None:
        """Say, once for each outage, to who has spoken that nobody hears."""
        since_s = self._offline_since_s
        if self._playback is None or since_s is None or self._has_said_offline:
            return
        if time.monotonic() - since_s > _OFFLINE_S:
            self._has_said_offline = True
            self._playback.play_offline()

    def _go(self, event: Event) -> None:
        """Tell the session machine; what its table has no row for is no news to it."""
        if not self.session.may(event):
            return
        before = self.session.state
        state = self.session.handle(event)
        self._n_played += event is Event.PLAYED
        if event in {Event.PLAYED, Event.RECOVER}:
            # The table leads back to recording; what else holds at present is said again.
            if self._uplink.is_connected:
                self._go(Event.CONNECTED)
            if self._has_ended:
                self._go(Event.FINISH)
        if state is not before:
            self._report("stream.state", state=self.session.state.value)

    async def _play_on(self, playback: Playback) -> None:
        while True:
            try:
                await playback.run()
            except AudiokitError as error:
                self._go(Event.FAIL)
                self._report("speaker.failed", reason=str(error))
            await asyncio.sleep(_SPEAKER_AGAIN_S)
            self._go(Event.RECOVER)

    async def _await_reply(self, uplink: asyncio.Future[None]) -> None:
        """Let a reply come, and one that is being played end."""
        if self._playback is None:
            return
        n_before, until_s = self._n_played, time.monotonic() + self._settings.reply_wait_s
        while not uplink.done():
            is_awaited = self._n_played == n_before and time.monotonic() < until_s
            if not (is_awaited or self._playback.is_busy):
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _tell_status(self) -> None:
        while True:
            spool, sender, uplink = self._spooled.spool, self._sender, self._uplink
            if spool.n_dropped > self._n_dropped:
                self._report("spool.dropped", packets=spool.n_dropped - self._n_dropped)
                self._n_dropped = spool.n_dropped
            self._report(
                "stream.status",
                state=self.session.state.value,
                level_dbov=self._maker.level_dbov,
                is_speech=self._maker.is_speech,
                packets=sender.next,
                waiting=sender.n_pending,
                spool_bytes=spool.n_bytes,
                dropped=spool.n_dropped,
                overruns=self._source.n_overruns,
                connections=uplink.n_connections,
                round_trip_ms=_ms(uplink.clock.round_trip_s),
                clock_offset_ms=_ms(uplink.clock.offset_s),
            )
            await asyncio.sleep(_STATUS_EVERY_S)

    async def _sync(self) -> None:
        """Bring the spool through a power cut, as far as it has changed."""
        loop, last = asyncio.get_running_loop(), None
        while True:
            await asyncio.sleep(_SYNC_EVERY_S)
            if self._spooled.spool.last != last:
                last = self._spooled.spool.last
                try:
                    await loop.run_in_executor(None, self._spooled.spool.sync_later())
                except OSError as error:
                    self._report("spool.unsafe", reason=str(error))

    def _put_away(self) -> int:
        """Close the spools, and remove what is empty; return how many packets are left."""
        self._go(Event.STOP)
        for session in self._leftovers:
            session.spool.close()
        n_left = self._sender.n_pending
        self._report("stream.ended", packets=self._sender.next, waiting=n_left)
        if self._sender.is_drained:
            self._spooled.remove()
        else:
            self._spooled.spool.close()
        return n_left


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000.0 * seconds, 1)


async def _end_all(jobs: Iterable[asyncio.Future[None]]) -> None:
    """Cancel until all have ended.

    Before Python 3.12 `asyncio.wait_for` forgets a cancellation that comes in the moment in which
    what it waits for is done (CPython issue 86296).
    """
    pending = set(jobs)
    while pending:
        for job in pending:
            job.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_EVERY_S)
