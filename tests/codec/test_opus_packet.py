"""What an Opus packet says about itself, against RFC 6716 and against libopus."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.codec.opus import OpusEncoder, OpusSettings
from audiokit.codec.opus_binding import open_opus
from audiokit.codec.opus_packet import (
    duration_48k,
    has_fec,
    lost_packets,
    parse_packet,
)
from audiokit.errors import MalformedPacketError
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike


@pytest.fixture(scope="module")
def libopus():
    library = ctypes.CDLL(open_opus().found.path)
    library.opus_packet_get_nb_samples.argtypes = (
        *(ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32),
    )
    return library


def frames_by_libopus(library, payload):
    frames = (ctypes.c_void_p * 48)()
    sizes = (ctypes.c_int16 * 48)()
    toc = ctypes.c_ubyte()
    buffer = ctypes.create_string_buffer(payload, len(payload))
    count = library.opus_packet_parse(
        buffer, len(payload), ctypes.byref(toc), frames, sizes, ctypes.byref(ctypes.c_int())
    )
    if count < 0:
        return None
    return [ctypes.string_at(frames[n], sizes[n]) for n in range(count)]


@pytest.mark.parametrize(
    ("toc", "mode", "bandwidth", "frame_ms"),
    [
        (0 << 3, "silk", "narrow", 10),
        (3 << 3, "silk", "narrow", 60),
        (9 << 3, "silk", "wide", 20),
        (13 << 3, "hybrid", "superwide", 20),
        (14 << 3, "hybrid", "full", 10),
        (16 << 3, "celt", "narrow", 2.5),
        (31 << 3, "celt", "full", 20),
    ],
)
def test_the_first_byte_tells_mode_bandwidth_and_length(toc, mode, bandwidth, frame_ms):
    packet = parse_packet(bytes([toc | 4, 1, 2, 3]))
    assert (packet.mode, packet.bandwidth, packet.frame_ms) == (mode, bandwidth, frame_ms)
    assert packet.channels == 2
    assert packet.frames == (b"\x01\x02\x03",)


SEVERAL_FRAMES = st.builds(
    lambda toc, count, rest: bytes([toc << 3 | 3, count]) + rest,
    st.integers(0, 31),
    st.sampled_from([1, 2, 3, 65, 66, 129, 130, 131, 194, 195]),
    st.binary(max_size=40),
)


@given(st.one_of(st.binary(max_size=80), SEVERAL_FRAMES))
def test_any_bytes_are_taken_apart_as_libopus_does_or_refused_as_it_does(libopus, payload):
    theirs = frames_by_libopus(libopus, payload)
    try:
        ours = list(parse_packet(payload).frames)
    except MalformedPacketError:
        ours = None
    assert ours == theirs


@given(st.binary(min_size=1, max_size=4))
def test_the_length_of_any_packet_is_that_of_libopus(libopus, payload):
    theirs = libopus.opus_packet_get_nb_samples(payload, len(payload), 48_000)
    try:
        assert duration_48k(payload) == theirs
    except MalformedPacketError:
        # No frames at all are no time at all, says libopus, and then does not decode them.
        assert theirs <= 0


def test_an_empty_packet_is_none():
    with pytest.raises(MalformedPacketError, match="packet: is empty, expected"):
        duration_48k(b"")


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("frame_ms", [10.0, 20.0, 40.0, 60.0])
def test_fec_is_told_as_libopus_tells_it(frame_ms, channels, libopus):
    if not hasattr(libopus, "opus_packet_has_lbrr"):
        pytest.skip("this libopus is older than 1.5 and does not tell")
    fmt = StreamFormat(16_000, channels)
    settings = OpusSettings(frame_ms=frame_ms, expected_loss_percent=30, bitrate_bps=32_000)
    packets = OpusEncoder(fmt, settings).push(speechlike(fmt, 3.0))
    ours = [has_fec(packet) for packet in packets]
    assert ours == [bool(libopus.opus_packet_has_lbrr(each, len(each))) for each in packets]
    assert any(ours)


def test_without_fec_no_packet_carries_any():
    fmt = StreamFormat(16_000)
    packets = OpusEncoder(fmt, OpusSettings(fec=False)).push(speechlike(fmt, 2.0))
    assert not any(map(has_fec, packets))


def test_music_carries_none_whatever_is_asked():
    fmt = StreamFormat(48_000)
    settings = OpusSettings(application="lowdelay", bitrate_bps=64_000)
    packets = OpusEncoder(fmt, settings).push(speechlike(fmt, 1.0))
    assert {parse_packet(packet).mode for packet in packets} == {"celt"}
    assert not any(map(has_fec, packets))


@given(st.integers(0, 255), st.integers(0, 3000))
def test_the_place_of_what_was_lost_is_held_to_2_5_ms(toc, n_units):
    packets = lost_packets(toc, 120 * n_units)
    assert sum(map(duration_48k, packets)) == 120 * n_units
    assert {len(packet) for packet in packets} <= {1}
    assert all(parse_packet(packet).is_pause for packet in packets)


def test_frames_of_one_packet_add_up():
    two = parse_packet(bytes([9 << 3 | 1]) + bytes(10))
    assert two.duration_ms == pytest.approx(40.0)
    assert np.array_equal([len(frame) for frame in two.frames], [5, 5])
