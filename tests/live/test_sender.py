"""Sender and receiver, two machines: nothing is lost, nothing comes twice, and live goes first."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.errors import LocalProtocolError, PeerProtocolError
from audiokit.live.messages import Ack, Gone, Welcome
from audiokit.live.packets import AudioPacket, decode_packet, encode_packet
from audiokit.live.receiver import Receiver
from audiokit.live.sender import Sender, SenderSettings
from audiokit.live.spool import Spool, SpoolSettings

PACKET_S = 0.06


def packet(sequence, *, is_end=False):
    return encode_packet(AudioPacket(sequence, (bytes([sequence % 251]) * 40,), is_end=is_end))


def sequences(items):
    return [decode_packet(item).sequence for item in items if isinstance(item, bytes)]


def backfilled(items):
    return [
        decode_packet(item).sequence
        for item in items
        if isinstance(item, bytes) and decode_packet(item).is_backfill
    ]


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path / "spool")
    yield spool
    spool.close()


@pytest.fixture
def sender(spool):
    return Sender(spool, packet_s=PACKET_S)


class Wire:
    """A connection that takes some seconds, and loses what is on it when it breaks."""

    def __init__(self, sender, receiver):
        self.sender, self.receiver = sender, receiver
        self.arrived, self.on_the_way, self.is_open = [], [], False

    def open(self, now):
        ack = self.receiver.ack()
        self.sender.open(Welcome(ack.next, ack.have), now)
        self.is_open = True

    def move(self, now, n_delivered):
        """Send what there is; let that many items of what is on the way arrive."""
        if self.is_open:
            self.on_the_way += self.sender.pull(now)
            for item in self.on_the_way[:n_delivered]:
                self.deliver(item)
            del self.on_the_way[:n_delivered]

    def deliver(self, item):
        if isinstance(item, Gone):
            self.receiver.give_up(item.first, item.next)
            return
        got = decode_packet(item)
        if self.receiver.take(got.sequence, is_end=got.is_end, is_backfill=got.is_backfill):
            self.arrived.append(got)

    def acknowledge(self):
        if self.is_open:
            self.sender.acknowledge(self.receiver.ack())

    def cut(self):
        if self.is_open:
            self.on_the_way.clear()
            self.sender.close()
            self.is_open = False


steps = st.lists(
    st.one_of(
        st.tuples(st.just("record"), st.integers(1, 12)),
        st.tuples(st.just("move"), st.integers(0, 20)),
        st.tuples(st.just("ack"), st.just(0)),
        st.tuples(st.just("cut"), st.just(0)),
        st.tuples(st.just("open"), st.just(0)),
        st.tuples(st.just("resend"), st.integers(0, 30)),
    ),
    max_size=60,
)


def take_step(wire, step, now, n_recorded):
    word, number = step
    if word == "record":
        for sequence in range(n_recorded, n_recorded + number):
            wire.sender.push(packet(sequence))
        return n_recorded + number
    if word == "move":
        wire.move(now, number)
    elif word == "ack":
        wire.acknowledge()
    elif word == "cut":
        wire.cut()
    elif word == "resend":
        wire.sender.resend(min(number, n_recorded), n_recorded)
    elif not wire.is_open:
        wire.open(now)
    return n_recorded


def run_steps(wire, steps, n_recorded=0):
    now = 0.0
    for step in steps:
        now += 0.05
        n_recorded = take_step(wire, step, now, n_recorded)
    wire.sender.push(packet(n_recorded, is_end=True))
    if not wire.is_open:
        wire.open(now)
    for _ in range(20 * n_recorded + 20):
        now += 0.05
        wire.move(now, 1000)
    wire.acknowledge()
    return n_recorded + 1


@given(steps)
@settings(max_examples=100, deadline=None)
def test_whatever_breaks_every_packet_arrives_once(tmp_path_factory, steps):
    spool = Spool(tmp_path_factory.mktemp("spool"))
    window = SenderSettings(window_s=1.0)
    wire = Wire(Sender(spool, packet_s=PACKET_S, settings=window), Receiver())
    n_recorded = run_steps(wire, steps)
    numbers = [got.sequence for got in wire.arrived]
    assert sorted(numbers) == list(range(n_recorded))
    assert all(got.frames == (bytes([got.sequence % 251]) * 40,) for got in wire.arrived)
    assert wire.receiver.is_complete
    assert wire.sender.is_drained
    assert (wire.sender.n_pending, wire.sender.n_gone, wire.receiver.n_gone) == (0, 0, 0)
    spool.remove()


@given(steps)
@settings(max_examples=25, deadline=None)
def test_what_a_small_spool_dropped_is_said_and_all_else_arrives_once(tmp_path_factory, steps):
    small = SpoolSettings(max_bytes=65536, max_waiting=16)
    spool = Spool(tmp_path_factory.mktemp("spool"), small)
    wire = Wire(Sender(spool, packet_s=PACKET_S), Receiver())
    for sequence in range(1500):
        wire.sender.push(packet(sequence))
    n_recorded = run_steps(wire, steps, 1500)
    numbers = [got.sequence for got in wire.arrived]
    assert len(set(numbers)) == len(numbers)
    assert len(numbers) == n_recorded - spool.n_dropped
    assert wire.receiver.n_gone == spool.n_dropped
    assert wire.receiver.is_complete
    assert wire.sender.is_drained
    spool.remove()


def test_live_packets_go_at_once_and_before_those_that_waited(sender):
    for sequence in range(100):
        sender.push(packet(sequence))
    sender.open(Welcome(0), 0.0)
    for step in range(10):
        sender.push(packet(100 + step))
        sent = sender.pull(0.06 * step)
        assert sequences(sent)[0] == 100 + step
        assert decode_packet(sent[0]).is_backfill is False
        assert backfilled(sent) == sequences(sent)[1:]


def test_what_waited_is_replayed_at_ten_times_real_time(sender):
    for sequence in range(500):
        sender.push(packet(sequence))
    sender.open(Welcome(0), 0.0)
    now, n_sent = 0.0, 0
    while sender.is_replaying:
        now += 0.006
        n_sent += len(backfilled(sender.pull(now)))
    assert n_sent == 500
    assert 500 * PACKET_S / now == pytest.approx(10.0, rel=0.02)


def test_a_long_pause_between_pulls_is_not_made_up_by_a_burst(sender):
    for sequence in range(500):
        sender.push(packet(sequence))
    sender.open(Welcome(0), 0.0)
    assert len(sender.pull(60.0)) == 4


def test_without_room_only_live_packets_go(sender):
    for sequence in range(10):
        sender.push(packet(sequence))
    sender.open(Welcome(0), 0.0)
    sender.push(packet(10))
    assert sequences(sender.pull(1.0, has_room=False)) == [10]
    assert sequences(sender.pull(1.0)) == [0, 1, 2, 3]


def test_what_the_other_end_has_is_not_sent_again(sender):
    for sequence in range(10):
        sender.push(packet(sequence))
    sender.open(Welcome(2, ((4, 6), (8, 9))), 0.0)
    sent = [number for second in range(1, 9) for number in sequences(sender.pull(second))]
    assert sent == [2, 3, 6, 7, 9]


def test_the_next_process_sends_what_the_last_one_left(tmp_path):
    spool = Spool(tmp_path / "spool")
    for sequence in range(5):
        Sender(spool, packet_s=PACKET_S).push(packet(sequence))
    spool.close()
    spool = Spool(tmp_path / "spool")
    sender = Sender(spool, packet_s=PACKET_S)
    assert (sender.first, sender.next, sender.n_pending) == (0, 5, 5)
    sender.open(Welcome(3), 0.0)
    assert sequences(sender.pull(1.0)) == [3, 4]
    spool.close()


def test_without_acknowledgements_memory_stays_small_and_the_spool_keeps_the_rest(tmp_path):
    spool = Spool(tmp_path / "spool")
    sender = Sender(spool, packet_s=PACKET_S, settings=SenderSettings(window_s=6.0))
    sender.open(Welcome(0), 0.0)
    for sequence in range(500):
        sender.push(packet(sequence))
        assert sequences(sender.pull(sequence * PACKET_S)) == [sequence]
    assert len(spool) == 400
    assert sender.n_pending == 500
    sender.acknowledge(Ack(450))
    assert (len(spool), sender.n_pending) == (0, 50)
    spool.close()


@pytest.mark.parametrize("ack", [Ack(6), Ack(0, ((3, 7),))])
def test_who_acknowledges_what_was_never_sent_is_at_fault(sender, ack):
    sender.open(Welcome(0), 0.0)
    for sequence in range(5):
        sender.push(packet(sequence))
    with pytest.raises(PeerProtocolError):
        sender.acknowledge(ack)
    with pytest.raises(PeerProtocolError):
        sender.resend(0, 6)


def test_a_packet_out_of_turn_is_our_own_fault(sender):
    with pytest.raises(LocalProtocolError):
        sender.push(packet(1))


def test_the_receiver_tells_what_it_has_and_waits_for_the_rest():
    receiver = Receiver()
    assert [receiver.take(number) for number in (0, 1, 5, 6, 9, 5, 0)] == [True] * 5 + [False] * 2
    assert receiver.ack() == Ack(2, ((5, 7), (9, 10)))
    receiver.give_up(0, 5)
    assert receiver.ack() == Ack(7, ((9, 10),))
    assert (receiver.n_gone, receiver.n_duplicates, receiver.n_received) == (3, 2, 5)


def test_the_receiver_is_complete_when_the_end_and_all_before_it_are_here():
    receiver = Receiver()
    receiver.take(2, is_end=True)
    assert not receiver.is_complete
    with pytest.raises(PeerProtocolError):
        receiver.take(3)
    receiver.take(0)
    receiver.take(1)
    assert receiver.is_complete


@pytest.mark.parametrize("ask", ["take", "give_up"])
def test_a_sequence_number_beyond_reason_is_the_peers_fault(ask):
    receiver = Receiver(max_ahead=1000)
    with pytest.raises(PeerProtocolError):
        receiver.take(1001) if ask == "take" else receiver.give_up(0, 2**32)
