"""What the other end may do wrong: it costs its own connection, and nothing that was recorded."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
import rig
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from audiokit.errors import PeerProtocolError, RefusedError
from audiokit.live.link import Link
from audiokit.live.messages import (
    Ack,
    Hello,
    Refusal,
    Resend,
    Welcome,
    decode_message,
    encode_message,
)

HELLO = encode_message(Hello("mine", rig.FORMAT))
LATER_HELLO = json.dumps(json.loads(HELLO) | {"version": 2})


@pytest.fixture
def shelf(tmp_path):
    (tmp_path / "shelf").mkdir()
    return rig.Shelf(tmp_path / "shelf")


async def say(server, *items):
    """Say something to a listener; return its last words and the code of its goodbye."""
    heard = None
    url = f"ws://127.0.0.1:{server.port}"
    websocket = await connect(url, subprotocols=["audiokit.v1"], max_size=None, ping_interval=None)
    try:
        for item in items:
            await websocket.send(item)
        while True:
            heard = await asyncio.wait_for(websocket.recv(), 10)
    except ConnectionClosed as error:
        # RFC 6455, 7.1.5: 1006 is a connection that ended without a word.
        return heard, getattr(error.rcvd, "code", 1006)
    finally:
        Link(websocket, "listener").abort()


async def send_well(tmp_path, server, n_packets=5, session="well"):
    spool = rig.open_spool(tmp_path / session)
    uplink = rig.new_uplink(spool, server.port, rig.Witness(), session=session)
    for sequence in range(n_packets):
        uplink.push(rig.packet(sequence, is_end=sequence == n_packets - 1))
    uplink.finish()
    await asyncio.wait_for(uplink.run(), 10)
    spool.remove()


@pytest.mark.parametrize(
    "items",
    [
        ["rubbish"],
        [b"rubbish"],
        ["[" * 16_000],
        [encode_message(Ack(0))],
        [rig.packet(0)],
        [HELLO, "rubbish"],
        [HELLO, b"\xff" * 100],
        [HELLO, encode_message(Welcome(0))],
        [HELLO, HELLO],
        [HELLO, rig.packet(2**32 - 1)],
        [HELLO, encode_message(Hello("x" * 64, rig.FORMAT)).replace("x" * 64, "../../etc")],
        [HELLO, '{"type":"gone","first":0,"next":4294967296}'],
    ],
)
def test_a_client_that_breaks_the_protocol_is_told_and_others_are_served(tmp_path, shelf, items):
    async def scene():
        async with rig.Server(shelf) as server:
            heard, _ = await say(server, *items)
            await send_well(tmp_path, server)
            return heard, server.events

    heard, events = asyncio.run(scene())
    assert decode_message(heard).code == "protocol"
    assert "listen.fault" in [event for event, _ in events]
    assert [item.hello.session for item in shelf.complete] == ["well"]


@pytest.mark.parametrize("message", ["x" * 100_000_000, bytes(100_000_000)], ids=["text", "bytes"])
def test_a_message_of_100_mb_is_not_even_read(tmp_path, shelf, message):
    async def scene():
        async with rig.Server(shelf) as server:
            _, code = await say(server, HELLO, message)
            await send_well(tmp_path, server)
            return code

    # Too big, by the close frame; or reset, for what was still on its way.
    assert asyncio.run(scene()) in {1006, 1009}
    assert [item.hello.session for item in shelf.complete] == ["well"]


def test_a_client_of_a_later_version_is_told_which_one_is_spoken(shelf):
    async def scene():
        async with rig.Server(shelf) as server:
            return await say(server, LATER_HELLO)

    assert decode_message(asyncio.run(scene())[0]).code == "version"


def test_who_says_nothing_is_not_waited_for_long(shelf, monkeypatch):
    monkeypatch.setattr("audiokit.live.listener._HELLO_S", 0.3)

    async def scene():
        async with rig.Server(shelf) as server:
            return await say(server)

    assert asyncio.run(scene())[1] == 1006


def test_a_client_that_comes_back_takes_the_place_of_its_dead_connection(tmp_path, shelf):
    async def scene():
        async with rig.Server(shelf) as server:
            stale = asyncio.ensure_future(say(server, HELLO, rig.packet(0)))
            await asyncio.sleep(0.3)
            await send_well(tmp_path, server, 3, session="mine")
            _, code = await stale
            return code

    assert asyncio.run(scene()) == 1006
    (recording,) = shelf.complete
    assert [item.sequence for item in recording.packets()] == [0, 1, 2]
    assert recording.receiver.n_duplicates <= 1


def test_more_clients_than_there_is_room_for_are_told_so(shelf):
    async def scene():
        server = rig.Server(shelf, max_sessions=1)
        async with server:
            first = asyncio.ensure_future(say(server, HELLO))
            await asyncio.sleep(0.3)
            heard, _ = await say(server, HELLO.replace("mine", "other"))
            first.cancel()
            return heard

    assert decode_message(asyncio.run(scene())).code == "full"


def served_by(answers):
    """Return a handler that reads hello and says these things, one connection each."""
    left = list(answers)

    async def handle(websocket):
        await websocket.recv()
        for item in left.pop(0) if left else ():
            await websocket.send(item)
        with contextlib.suppress(ConnectionClosed):
            while True:
                await websocket.recv()

    return handle


@contextlib.asynccontextmanager
async def odd_server(port, answers):
    handler = served_by(answers)
    async with serve(handler, "127.0.0.1", port, subprotocols=["audiokit.v1"]) as server:
        yield server.sockets[0].getsockname()[1]


WELCOME = encode_message(Welcome(0))


@pytest.mark.parametrize(
    "answer",
    [
        [WELCOME, "rubbish"],
        [WELCOME, b"rubbish"],
        [WELCOME, encode_message(Ack(10_000))],
        [WELCOME, encode_message(Resend(0, 10_000))],
        [WELCOME, "x" * 1_000_000],
        [WELCOME, encode_message(Refusal("storage", "Full."))],
        [encode_message(Refusal("busy", "Later."))],
    ],
)
def test_whatever_a_server_says_what_was_recorded_arrives_at_the_next(tmp_path, shelf, answer):
    async def scene():
        witness, spool = rig.Witness(), rig.open_spool(tmp_path)
        async with odd_server(0, [answer]) as port:
            uplink = rig.new_uplink(spool, port, witness)
            running = asyncio.ensure_future(uplink.run())
            for sequence in range(20):
                uplink.push(rig.packet(sequence, is_end=sequence == 19))
            is_in = "unreachable" if len(answer) == 1 else "disconnected"
            await witness.wait_for(is_in)
        server = rig.Server(shelf)
        server.port = port
        async with server:
            uplink.finish()
            await asyncio.wait_for(running, 10)
        spool.remove()

    asyncio.run(scene())
    assert [item.sequence for item in shelf.complete[0].packets()] == list(range(20))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (["rubbish"], PeerProtocolError),
        ([encode_message(Ack(0))], PeerProtocolError),
        ([encode_message(Welcome(7))], PeerProtocolError),
        ([encode_message(Refusal("version", "I speak 2."))], RefusedError),
    ],
)
def test_a_server_that_never_let_us_in_and_cannot_ends_it(tmp_path, answer, error):
    async def scene():
        spool = rig.open_spool(tmp_path)
        async with odd_server(0, [answer]) as port:
            uplink = rig.new_uplink(spool, port, rig.Witness())
            with pytest.raises(error):
                await asyncio.wait_for(uplink.run(), 10)
        spool.close()

    asyncio.run(scene())
