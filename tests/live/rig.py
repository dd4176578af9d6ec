"""Both ends of the wire on this machine, and a network between them that fails on demand.

``localhost.crt`` was made by ``openssl req -x509 -newkey ec -pkeyopt
ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost -addext
subjectAltName=DNS:localhost,IP:127.0.0.1``; its key is for tests alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from pathlib import Path

from audiokit.live.backoff import Backoff, BackoffSettings
from audiokit.live.connect import Dialer, Endpoint
from audiokit.live.listener import Address, Listener, ListenerSettings
from audiokit.live.messages import Hello, WireFormat
from audiokit.live.packets import AudioPacket, encode_packet
from audiokit.live.recording import Recording
from audiokit.live.sender import Sender
from audiokit.live.spool import Spool
from audiokit.live.uplink import Uplink

CERTIFICATE = Path(__file__).with_name("localhost.crt")
KEY = Path(__file__).with_name("localhost.key")
FORMAT = WireFormat()


def server_tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    return context


def packet(sequence, *, is_end=False):
    payload = random.Random(sequence).randbytes(60)  # noqa: S311  the same each time
    return encode_packet(AudioPacket(sequence, (payload,) * 3, is_end=is_end))


class Shelf:
    """Sessions of a listener as files in a folder; what is complete stays."""

    def __init__(self, folder):
        self.folder, self.order, self.complete = folder, [], []

    def open(self, hello):
        return Recording(self.folder / hello.session, hello)

    def done(self, session):
        found = [item for item in self.complete if item.hello.session == session]
        return found[0].receiver.next if found else None

    async def arrived(self, recording, packet):  # noqa: ARG002  the protocol's
        self.order.append((packet.sequence, packet.is_backfill))

    async def completed(self, recording):
        self.complete.append(recording)


class Server:
    """A listener that can be taken away and put back at the same port."""

    def __init__(self, sessions, *, tls=None, token=None, max_sessions=64, **more):
        self.sessions, self.events, self._tls, self._more = sessions, [], tls, more
        self._settings = ListenerSettings(token, max_sessions)
        self.port = 0

    def report(self, event, /, **facts):
        self.events.append((event, facts))

    async def start(self):
        self._stack = contextlib.AsyncExitStack()
        self.listener = Listener(self.sessions, self._settings, report=self.report, **self._more)
        address = Address("127.0.0.1", self.port, self._tls)
        server = await self._stack.enter_async_context(self.listener.serving(address))
        self.port = server.sockets[0].getsockname()[1]

    async def stop(self):
        await self._stack.aclose()
        for recording in self.listener.recordings:
            recording.close()

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *_):
        await self.stop()


class Network:
    """A relay that passes bytes on, cuts connections, refuses them, or swallows everything."""

    def __init__(self, port):
        self._target, self.port = port, 0
        self._writers = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks = set()
        self.n_bytes = {"up": 0, "down": 0}

    async def __aenter__(self):
        await self.open()
        return self

    async def __aexit__(self, *_):
        await self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def open(self):
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self):
        """End every connection without a word, and refuse new ones."""
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    def freeze(self):
        """Swallow nothing and pass nothing on: each end still has its connection."""
        self._flowing.clear()

    def thaw(self):
        self._flowing.set()

    async def _relay(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        try:
            await self._flowing.wait()
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        ways = (
            asyncio.ensure_future(self._pass_on(reader, far_writer, "up")),
            asyncio.ensure_future(self._pass_on(far_reader, writer, "down")),
        )
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, far_writer):
                end.transport.abort()
            self._writers -= {writer, far_writer}
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass_on(self, reader, writer, way):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                self.n_bytes[way] += len(data)
                writer.write(data)
                await writer.drain()


class Witness:
    """Who is told what happens to an uplink."""

    def __init__(self):
        self.told, self.items = [], []
        self._changed = asyncio.Event()

    def connected(self, next_sequence):  # noqa: ARG002  the protocol's
        self._tell("connected")

    def disconnected(self, reason):  # noqa: ARG002  the protocol's
        self._tell("disconnected")

    def unreachable(self, reason):  # noqa: ARG002  the protocol's
        self._tell("unreachable")

    def received(self, item):
        self.items.append(item)

    def _tell(self, word):
        self.told.append((word, asyncio.get_running_loop().time()))
        self._changed.set()

    async def wait_for(self, word, *, after=0, timeout=6.0):
        """Return when a word was told, of those told after the first `after`."""

        async def look():
            while not (found := [at for said, at in self.told[after:] if said == word]):
                self._changed.clear()
                await self._changed.wait()
            return found[0]

        return await asyncio.wait_for(look(), timeout)


def new_uplink(spool, port, witness, *, session="test", seed=1, packet_s=0.06, **endpoint):
    scheme = "wss" if "ca_file" in endpoint else "ws"
    dialer = Dialer(Endpoint(f"{scheme}://localhost:{port}", **endpoint))
    return Uplink(
        Hello(session, FORMAT),
        Sender(spool, packet_s=packet_s),
        dial=dialer.dial,
        backoff=Backoff(BackoffSettings(), random.Random(seed)),  # noqa: S311  the same each time
        observer=witness,
    )


def open_spool(folder):
    return Spool(folder / "spool")
