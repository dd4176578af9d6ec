"""Both ends over real connections: nothing is lost whatever the network does."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest
import rig

from audiokit.errors import PeerProtocolError, RefusedError, UntrustedError
from audiokit.live.packets import decode_packet


@contextlib.asynccontextmanager
async def running(uplink):
    task = asyncio.ensure_future(uplink.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def assert_all_there(shelf, n_packets):
    (recording,) = shelf.complete
    found = list(recording.packets())
    assert [item.sequence for item in found] == list(range(n_packets))
    wanted = [decode_packet(rig.packet(n)).frames for n in range(n_packets)]
    assert [item.frames for item in found] == wanted
    assert len(shelf.order) == n_packets
    recording.close()


async def deliver(tmp_path, server, n_packets=50, **endpoint):
    """Send so many packets to a server, quickly, and wait until they have arrived."""
    witness, spool = rig.Witness(), rig.open_spool(tmp_path)
    uplink = rig.new_uplink(spool, server.port, witness, **endpoint)
    async with running(uplink) as task:
        while not (uplink.is_connected or task.done()):  # noqa: ASYNC110  either may come
            await asyncio.sleep(0.01)
        for sequence in range(n_packets):
            uplink.push(rig.packet(sequence, is_end=sequence == n_packets - 1))
            await asyncio.sleep(0.002)
        uplink.finish()
        await asyncio.wait_for(task, 10)
    assert uplink.clock.round_trip_s < 1.0
    spool.remove()


@pytest.fixture
def shelf(tmp_path):
    return rig.Shelf(tmp_path / "shelf")


def test_packets_arrive_in_order_and_live(tmp_path, shelf):
    async def scene():
        async with rig.Server(shelf) as server:
            await deliver(tmp_path, server)

    asyncio.run(scene())
    assert shelf.order == [(sequence, False) for sequence in range(50)]
    assert_all_there(shelf, 50)


@pytest.mark.parametrize("pause_s", [0.0, 0.4])
def test_an_end_that_comes_after_the_last_acknowledgement_is_heard_at_once(
    tmp_path, shelf, pause_s
):
    async def scene():
        witness, spool = rig.Witness(), rig.open_spool(tmp_path)
        async with rig.Server(shelf) as server:
            uplink = rig.new_uplink(spool, server.port, witness)
            async with running(uplink) as task:
                await witness.wait_for("connected")
                uplink.push(rig.packet(0, is_end=True))
                await asyncio.sleep(pause_s)
                uplink.finish()
                await asyncio.wait_for(task, 1.0)
        spool.remove()

    asyncio.run(scene())


def test_packets_arrive_over_tls_with_a_token(tmp_path, shelf):
    async def scene():
        async with rig.Server(shelf, tls=rig.server_tls(), token="s3cret") as server:
            await deliver(tmp_path, server, token="s3cret", ca_file=rig.CERTIFICATE)

    asyncio.run(scene())
    assert_all_there(shelf, 50)


@pytest.mark.parametrize("token", [None, "wrong", "s3cre", "s3crett"])
def test_who_does_not_bring_the_token_is_refused(tmp_path, shelf, token):
    async def scene():
        async with rig.Server(shelf, token="s3cret") as server:
            await deliver(tmp_path, server, token=token)

    with pytest.raises(RefusedError, match="token"):
        asyncio.run(scene())


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tmp_path, shelf):
    async def scene():
        async with rig.Server(shelf, tls=rig.server_tls()) as server:
            await deliver(tmp_path, server, ca_file=None)

    with pytest.raises(UntrustedError, match="certificate"):
        asyncio.run(scene())


@contextlib.asynccontextmanager
async def stranger(answer):
    """A server that says always the same."""

    async def say(reader, writer):
        await reader.read(10_000)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    server.port = server.sockets[0].getsockname()[1]
    async with server:
        yield server


def test_a_server_that_speaks_no_tls_is_another_protocol(tmp_path):
    async def scene():
        async with stranger(b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
            await deliver(tmp_path, server, ca_file=rig.CERTIFICATE)

    with pytest.raises(PeerProtocolError, match="TLS"):
        asyncio.run(scene())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: ws://192.0.2.1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"220 mail.example ESMTP ready\r\n",
    ],
)
def test_a_server_that_is_not_ours_is_named_as_such(tmp_path, answer):
    async def scene():
        async with stranger(answer) as server:
            await deliver(tmp_path, server)

    with pytest.raises(PeerProtocolError, match="audiokit server"):
        asyncio.run(scene())


async def speak(uplink, n_packets, pause_s):
    for sequence in range(n_packets):
        uplink.push(rig.packet(sequence, is_end=sequence == n_packets - 1))
        await asyncio.sleep(pause_s)
    uplink.finish()


async def break_at_random(network, server, dice, n_outages):
    """Cut the link, freeze it, or take the server away, for a moment each."""
    for number in range(n_outages):
        await asyncio.sleep(dice.uniform(0.05, 0.4))
        outage_s = dice.choice([0.05, 0.2, 0.5])
        kind = number % 3
        if kind == 0:
            await network.cut()
        elif kind == 1:
            network.freeze()
            # Long enough for the ping to notice, now and then.
            outage_s = dice.choice([0.2, 2.8])
        else:
            await server.stop()
        await asyncio.sleep(outage_s)
        if kind == 0:
            await network.open()
        elif kind == 1:
            network.thaw()
        else:
            await server.start()


def test_random_outages_lose_nothing_and_repeat_nothing(tmp_path, shelf):
    seed = 2

    async def scene():
        witness, spool = rig.Witness(), rig.open_spool(tmp_path)
        dice = random.Random(seed)  # noqa: S311  the same each time
        async with rig.Server(shelf) as server, rig.Network(server.port) as network:
            uplink = rig.new_uplink(spool, network.port, witness, packet_s=0.01, seed=seed)
            async with running(uplink) as task:
                speaking = asyncio.ensure_future(speak(uplink, 500, 0.01))
                await break_at_random(network, server, dice, 6)
                await speaking
                await asyncio.wait_for(task, 15)
            # The shelf's own recordings are opened anew whenever the server comes back.
            assert uplink.n_connections >= 4
        spool.remove()

    asyncio.run(scene())
    assert_all_there(shelf, 500)


def test_a_half_open_connection_is_noticed_within_three_seconds(tmp_path, shelf):
    async def scene():
        witness, spool = rig.Witness(), rig.open_spool(tmp_path)
        async with rig.Server(shelf) as server, rig.Network(server.port) as network:
            uplink = rig.new_uplink(spool, network.port, witness)
            async with running(uplink):
                await witness.wait_for("connected")
                await asyncio.sleep(0.2)
                frozen_s = asyncio.get_running_loop().time()
                network.freeze()
                noticed_s = await witness.wait_for("disconnected")
        spool.remove()
        return noticed_s - frozen_s

    assert asyncio.run(scene()) < 3.0


@pytest.mark.parametrize("moment_s", [0.0, 0.01, 0.1, 0.3])
def test_closing_ends_the_connection_and_the_try_to_open_one(tmp_path, shelf, moment_s):
    async def scene():
        witness, spool = rig.Witness(), rig.open_spool(tmp_path)
        async with rig.Server(shelf) as server, rig.Network(server.port) as network:
            uplink = rig.new_uplink(spool, network.port, witness)
            async with running(uplink):
                await witness.wait_for("connected")
                await network.cut()
                await witness.wait_for("disconnected")
                await network.open()
                await asyncio.sleep(moment_s)
            # All that is left is what the test itself runs.
            assert not uplink.is_connected
            await asyncio.sleep(0.1)
            assert len(server.listener.recordings) <= 1
            assert witness.told[-1][0] != "connected"
        spool.remove()

    asyncio.run(scene())


def test_what_another_process_left_arrives_with_what_it_already_sent(tmp_path, shelf):
    async def first(server):
        witness, spool = rig.Witness(), rig.open_spool(tmp_path)
        uplink = rig.new_uplink(spool, server.port, witness)
        async with running(uplink):
            await witness.wait_for("connected")
            for sequence in range(20):
                uplink.push(rig.packet(sequence))
            await asyncio.sleep(0.1)
            # Killed: the link breaks, and then more is recorded.
        for sequence in range(20, 30):
            uplink.push(rig.packet(sequence, is_end=sequence == 29))
        spool.close()

    async def second(server):
        witness, spool = rig.Witness(), rig.open_spool(tmp_path)
        uplink = rig.new_uplink(spool, server.port, witness)
        uplink.finish()
        await asyncio.wait_for(uplink.run(), 10)
        assert len(spool) == 0
        spool.remove()

    async def scene():
        async with rig.Server(shelf) as server:
            await first(server)
            await second(server)

    asyncio.run(scene())
    assert_all_there(shelf, 30)


def test_live_packets_are_not_delayed_by_those_that_waited(tmp_path, shelf):
    """Thirty seconds are replayed while live packets come every 60 ms."""

    async def scene():
        witness, spool = rig.Witness(), rig.open_spool(tmp_path)
        async with rig.Server(shelf) as server:
            uplink = rig.new_uplink(spool, server.port, witness)
            for sequence in range(500):
                uplink.push(rig.packet(sequence))
            delays = []
            async with running(uplink) as task:
                await witness.wait_for("connected")
                began_s = asyncio.get_running_loop().time()
                for sequence in range(500, 520):
                    sent_s = asyncio.get_running_loop().time()
                    uplink.push(rig.packet(sequence, is_end=sequence == 519))
                    while (sequence, False) not in shelf.order[-40:]:  # noqa: ASYNC110  it tells nobody
                        await asyncio.sleep(0.001)
                    delays.append(asyncio.get_running_loop().time() - sent_s)
                    await asyncio.sleep(0.06)
                uplink.finish()
                await asyncio.wait_for(task, 20)
                took_s = asyncio.get_running_loop().time() - began_s
        spool.remove()
        return sorted(delays), took_s

    delays, took_s = asyncio.run(scene())
    assert delays[len(delays) // 2] < 0.06
    # 30 s of audio at four times real time, with the final word.
    assert took_s < 7.5 + 1.5
    assert_all_there(shelf, 520)
