"""Places in a stream without end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from audiokit.transit.packet import Packet
from audiokit.transit.sequencer import Sequencer

STEP = 160


def packet(number, *, first=0, ssrc=1, start=0):
    return Packet((first + number) & 0xFFFF, (start + number * STEP) & 0xFFFFFFFF, b"x", ssrc=ssrc)


def places(sequencer, packets):
    """Return ``(sequence, ticks)`` of all that found a place, pushed 20 ms apart."""
    found = []
    for index, one in enumerate(packets):
        found += [(placed.sequence, placed.ticks) for placed in sequencer.place(one, index * 0.02)]
    return found


@given(first=st.integers(0, 0xFFFF), start=st.integers(0, 0xFFFFFFFF))
def test_numbers_go_on_across_every_wrap(first, start):
    sequencer = Sequencer(8000)
    packets = [packet(number, first=first, start=start) for number in range(0, 150_000, 1499)]
    expected = [(number, number * STEP) for number in range(0, 150_000, 1499)]
    assert places(sequencer, packets) == expected
    assert sequencer.n_expected == expected[-1][0] + 1
    assert sequencer.n_received == len(packets)


@given(order=st.permutations(range(12)))
def test_packets_in_any_order_get_their_own_places(order):
    sequencer = Sequencer(8000)
    found = places(sequencer, [packet(number, first=65530) for number in order])
    assert found == [(number - order[0], (number - order[0]) * STEP) for number in order]
    assert (sequencer.n_expected, sequencer.n_received) == (12, 12)


def test_what_comes_twice_is_placed_once():
    sequencer = Sequencer(8000)
    found = places(sequencer, [packet(number) for number in (0, 1, 1, 3, 0, 2, 3, 2)])
    assert [number for number, _ in found] == [0, 1, 3, 2]
    assert sequencer.n_duplicates == 4


def test_another_sender_is_believed_after_three_packets_and_goes_on_from_there():
    sequencer = Sequencer(8000)
    places(sequencer, [packet(number) for number in range(3)])
    found = []
    for index in range(4):
        strange = packet(index, first=9000, ssrc=2, start=123_456)
        found.append(sequencer.place(strange, 0.06 + index * 0.02))
    assert [len(some) for some in found] == [0, 0, 3, 1]
    placed = [one for some in found for one in some]
    assert [(one.sequence, one.ticks) for one in placed] == [
        (3 + index, (3 + index) * STEP) for index in range(4)
    ]
    assert [one.is_anew for one in placed] == [True, False, False, False]
    assert sequencer.n_restarts == 1


def test_a_jump_that_holds_is_a_new_beginning_and_one_that_does_not_is_dropped():
    sequencer = Sequencer(8000)
    places(sequencer, [packet(number) for number in range(3)])
    stray = [packet(20_000), packet(3), packet(40_000), packet(4)]
    assert [number for number, _ in places(sequencer, stray)] == [3, 4]
    assert (sequencer.n_strays, sequencer.n_restarts) == (2, 0)
    held = [packet(number) for number in range(20_000, 20_005)]
    assert [number for number, _ in places(sequencer, held)] == [5, 6, 7, 8, 9]
    assert sequencer.n_restarts == 1


def test_an_absurd_timestamp_is_no_place():
    sequencer = Sequencer(8000)
    places(sequencer, [packet(number) for number in range(3)])
    broken = Packet(3, 0x7FFFFFFF, b"x", ssrc=1)
    assert sequencer.place(broken, 0.06) == []
    assert [number for number, _ in places(sequencer, [packet(4)])] == [4]
    assert sequencer.n_expected - sequencer.n_received == 1


@given(
    numbers=st.lists(
        st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.integers(0, 2)),
        max_size=60,
    )
)
def test_whatever_comes_no_place_is_given_twice(numbers):
    sequencer = Sequencer(8000)
    packets = [Packet(number, at, b"x", ssrc=ssrc) for number, at, ssrc in numbers]
    found = [number for number, _ in places(sequencer, packets)]
    assert len(found) == len(set(found))
    assert sequencer.n_received == len(found)
    assert sequencer.n_expected >= len(found)
