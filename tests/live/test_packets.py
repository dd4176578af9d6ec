"""Audio packets: bytes in, packets out, and whatever else arrives is the peer's fault."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.errors import LocalProtocolError, PeerProtocolError
from audiokit.live.packets import (
    AudioPacket,
    as_backfill,
    decode_packet,
    encode_packet,
    is_end,
    sequence_of,
)

frames = st.lists(st.binary(max_size=1275), max_size=6).map(tuple)
plain_packets = st.builds(
    AudioPacket,
    sequence=st.integers(0, 2**32 - 1),
    frames=frames,
    level_dbov=st.integers(-127, 0),
    is_backfill=st.booleans(),
    is_speech=st.booleans(),
)
last_packets = st.builds(
    AudioPacket,
    sequence=st.integers(0, 2**32 - 1),
    frames=frames,
    is_end=st.just(True),
    padding_samples=st.integers(0, 65535),
)


@given(st.one_of(plain_packets, last_packets))
def test_a_packet_comes_back_as_it_was(packet):
    data = encode_packet(packet)
    assert decode_packet(data) == packet
    assert sequence_of(data) == packet.sequence
    assert is_end(data) == packet.is_end


@given(plain_packets)
def test_a_packet_that_waited_differs_by_its_flag_alone(packet):
    later = decode_packet(as_backfill(encode_packet(packet)))
    assert later.is_backfill
    assert (later.sequence, later.frames, later.is_speech) == (
        packet.sequence,
        packet.frames,
        packet.is_speech,
    )


def test_the_bytes_are_those_of_the_page():
    packet = AudioPacket(0x01020304, (b"ab", b"", b"x" * 260), -38, is_speech=True)
    expected = bytes.fromhex("12 03 26 00 01020304 02 6162 00") + bytes((252, 2)) + b"x" * 260
    assert encode_packet(packet) == expected


def test_the_last_packet_says_how_much_of_it_was_not_recorded():
    packet = AudioPacket(7, is_end=True, padding_samples=258)
    assert encode_packet(packet) == bytes.fromhex("14 00 7f 00 00000007 0102")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_packet_or_the_peers_fault(data):
    try:
        packet = decode_packet(data)
    except PeerProtocolError:
        return
    # One packet has one form: what is taken is given back to the bit.
    assert encode_packet(packet) == data


@given(plain_packets, st.data())
def test_a_packet_that_was_cut_short_is_refused(packet, data):
    whole = encode_packet(packet)
    cut = data.draw(st.integers(0, len(whole) - 1))
    if cut < 8 or packet.frames:
        with pytest.raises(PeerProtocolError):
            decode_packet(whole[:cut])


@pytest.mark.parametrize(
    "data",
    [
        bytes.fromhex("20 00 00 00 00000000"),  # version 2
        bytes.fromhex("18 00 00 00 00000000"),  # a flag of no meaning
        bytes.fromhex("10 00 00 01 00000000"),  # the spare byte
        bytes.fromhex("10 31 00 00 00000000") + bytes(49),  # 49 frames
        bytes.fromhex("10 00 80 00 00000000"),  # louder than silence is quiet
        bytes.fromhex("10 00 00 00 00000000 00"),  # a byte too many
        bytes.fromhex("14 00 00 00 00000000"),  # the end without its padding
    ],
)
def test_what_this_version_does_not_say_is_refused(data):
    with pytest.raises(PeerProtocolError):
        decode_packet(data)


@pytest.mark.parametrize(
    "packet",
    [
        AudioPacket(-1),
        AudioPacket(2**32),
        AudioPacket(0, (b"x" * 1276,)),
        AudioPacket(0, (b"",) * 49),
        AudioPacket(0, level_dbov=1),
        AudioPacket(0, padding_samples=1),
        AudioPacket(0, padding_samples=65536, is_end=True),
    ],
)
def test_what_a_packet_cannot_carry_is_our_own_fault(packet):
    with pytest.raises(LocalProtocolError):
        encode_packet(packet)
