"""RTP packets and numbers that wrap around."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.errors import MalformedPacketError
from audiokit.transit.packet import (
    Packet,
    build_rtp,
    parse_rtp,
    sequence_distance,
    timestamp_distance,
)

PACKETS = st.builds(
    Packet,
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=40),
    # RTCP takes 64 to 95 with the marker, RFC 5761.
    payload_type=st.integers(0, 63) | st.integers(96, 127),
    marker=st.booleans(),
    ssrc=st.integers(0, 0xFFFFFFFF),
)
# RFC 3550, 5.1: version 2, payload type 0, sequence 1, timestamp 160, SSRC 0xDEADBEEF.
GOLDEN = bytes.fromhex("80 00 0001 000000a0 deadbeef 7f7e")


def test_a_packet_reads_as_the_standard_lays_it_out():
    expected = Packet(1, 160, b"\x7f\x7e", payload_type=0, ssrc=0xDEADBEEF)
    assert parse_rtp(GOLDEN) == expected
    assert build_rtp(expected) == GOLDEN


@given(packet=PACKETS)
def test_a_packet_comes_back_from_its_bytes(packet):
    assert parse_rtp(build_rtp(packet)) == packet


def test_sources_extension_and_padding_are_no_payload():
    header = bytearray(GOLDEN[:12])
    header[0] |= 0x20 | 0x10 | 2
    data = bytes(header) + bytes(8) + b"\xbe\xde\x00\x01" + bytes(4) + b"ab" + b"\x00\x00\x03"
    assert parse_rtp(data).payload == b"ab"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (GOLDEN[:11], "11 bytes"),
        (b"\x40" + GOLDEN[1:], "version 1"),
        (b"\x80\xc8" + GOLDEN[2:], "RTCP"),
        (b"\x8f" + GOLDEN[1:], "expected 72"),
        (b"\x90" + GOLDEN[1:], "extension"),
        (b"\xa0" + GOLDEN[1:-1] + b"\x09", "padding"),
        (b"\xa0" + GOLDEN[1:-1] + b"\x00", "padding"),
    ],
)
def test_what_is_no_packet_is_refused_with_the_reason(data, problem):
    with pytest.raises(MalformedPacketError, match=problem):
        parse_rtp(data)


@given(data=st.binary(max_size=60))
def test_any_bytes_are_a_packet_or_an_error(data):
    try:
        packet = parse_rtp(data)
    except MalformedPacketError:
        return
    assert len(packet.payload) <= len(data) - 12


@given(start=st.integers(0, 0xFFFF), step=st.integers(-0x8000, 0x7FFF))
def test_a_distance_is_found_across_the_wrap_of_sequence_numbers(start, step):
    assert sequence_distance((start + step) & 0xFFFF, start) == step


@given(start=st.integers(0, 0xFFFFFFFF), step=st.integers(-(2**31), 2**31 - 1))
def test_a_distance_is_found_across_the_wrap_of_timestamps(start, step):
    assert timestamp_distance((start + step) & 0xFFFFFFFF, start) == step
