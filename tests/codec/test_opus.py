"""Encoder and decoder: any cutting, any rate, damaged packets, recovery and concealment."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.codec.opus import (
    OPUS_RATES,
    PI_FORMAT,
    OpusDecoder,
    OpusEncoder,
    OpusSettings,
)
from audiokit.codec.opus_packet import has_fec, parse_packet
from audiokit.errors import MalformedPacketError, SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike

VOICE = speechlike(PI_FORMAT, 1.0)
STEREO = StreamFormat(48_000, 2)


def encoded(block, fmt=PI_FORMAT, wanted=None):
    encoder = OpusEncoder(fmt, wanted)
    return encoder.push(block) + encoder.flush()


def decoded(packets, fmt=PI_FORMAT):
    decoder = OpusDecoder(fmt)
    return np.concatenate([decoder.decode(packet) for packet in packets])


@pytest.fixture(scope="module")
def packets():
    return encoded(VOICE)


def test_the_defaults_are_those_of_the_pi(packets):
    assert (PI_FORMAT.sample_rate, PI_FORMAT.channels) == (16_000, 1)
    chosen = OpusSettings()
    assert (chosen.application, chosen.bitrate_bps, chosen.complexity) == ("voip", 24_000, 5)
    assert (chosen.fec, chosen.expected_loss_percent, chosen.dtx) == (True, 10, True)
    assert {parse_packet(packet).duration_ms for packet in packets} == {20.0}


@pytest.mark.parametrize("rate", OPUS_RATES)
@pytest.mark.parametrize("frame_ms", [2.5, 5.0, 10.0, 20.0, 40.0, 60.0])
def test_the_whole_stream_comes_out_again_312_samples_late(rate, frame_ms):
    fmt = StreamFormat(rate, 1)
    block = speechlike(fmt, 0.5)[: rate // 2 - 7]
    encoder = OpusEncoder(fmt, OpusSettings(frame_ms=frame_ms, dtx=False))
    packets = encoder.push(block) + encoder.flush()
    assert encoder.pre_skip_48k == 312
    n_decoded = len(decoded(packets, fmt))
    n_needed = len(block) + encoder.lookahead_samples
    assert n_needed <= n_decoded < n_needed + encoder.frame_samples


def test_what_comes_out_is_what_went_in_in_its_place():
    fmt = StreamFormat(48_000, 1)
    block = speechlike(fmt, 1.0)
    wanted = OpusSettings(application="audio", bitrate_bps=128_000, dtx=False)
    encoder = OpusEncoder(fmt, wanted)
    heard = decoded(encoder.push(block) + encoder.flush(), fmt)
    heard = heard[encoder.lookahead_samples :][: len(block)]
    likeness = {
        lag: float(np.sum(heard[100 + lag : len(heard) - 100 + lag] * block[100:-100]))
        for lag in range(-100, 100)
    }
    assert max(likeness, key=likeness.get) == 0
    assert likeness[0] > 0.95 * float(np.sum(block**2))


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, len(VOICE)), max_size=12).map(sorted))
def test_packets_do_not_depend_on_how_the_stream_is_cut(packets, cuts):
    encoder = OpusEncoder(PI_FORMAT)
    pieces = [encoder.push(piece) for piece in np.split(VOICE, cuts)]
    assert [*itertools.chain(*pieces), *encoder.flush()] == packets


def test_a_reset_encoder_is_a_new_one(packets):
    encoder = OpusEncoder(PI_FORMAT)
    encoder.push(speechlike(PI_FORMAT, 0.7, seed=3))
    encoder.reset()
    assert encoder.push(VOICE) + encoder.flush() == packets


def test_a_reset_decoder_is_a_new_one(packets):
    decoder = OpusDecoder(PI_FORMAT)
    first = [decoder.decode(packet) for packet in packets]
    decoder.reset()
    again = [decoder.decode(packet) for packet in packets]
    np.testing.assert_array_equal(np.concatenate(again), np.concatenate(first))


@pytest.mark.parametrize(
    "block",
    [np.zeros((0, 1)), np.zeros((1, 1)), np.ones((999, 1)), np.full((4000, 1), -7.0)],
    ids=["nothing", "one sample", "full scale", "far beyond it"],
)
def test_extremes_are_encoded_and_stay_within_full_scale(block):
    packets = encoded(block.astype(np.float32))
    assert bool(packets) == bool(len(block))
    for heard in map(OpusDecoder(PI_FORMAT).decode, packets):
        assert np.abs(heard).max(initial=0.0) <= 1.0


def test_constant_rate_gives_packets_of_one_length():
    wanted = OpusSettings(rate_control="cbr", dtx=False, bitrate_bps=16_000)
    assert {len(packet) for packet in encoded(VOICE, wanted=wanted)} == {40}


def test_more_bits_make_more_bytes():
    sizes = [
        sum(map(len, encoded(VOICE, wanted=OpusSettings(bitrate_bps=rate))))
        for rate in (8_000, 16_000, 32_000)
    ]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize(
    ("bandwidth", "told"),
    [("narrow", "narrow"), ("medium", "medium"), ("wide", "wide")],
)
def test_the_bandwidth_is_the_one_that_was_asked(bandwidth, told):
    packets = encoded(VOICE, wanted=OpusSettings(bandwidth=bandwidth))
    assert {parse_packet(packet).bandwidth for packet in packets} == {told}


def test_pauses_take_a_byte_or_two_with_dtx_alone():
    quiet = PI_FORMAT.silence(32_000)
    with_dtx, without = (encoded(quiet, wanted=OpusSettings(dtx=on)) for on in (True, False))
    assert sum(len(packet) <= 2 for packet in with_dtx) > 70
    assert min(map(len, without)) > 2


def glide():
    """Return a voice whose pitch rises by two octaves in a second: concealment is lost on it."""
    phase = 2 * np.pi * np.cumsum(np.geomspace(80, 320, 16_000)) / 16_000
    tones = [np.sin(number * phase) / number for number in range(1, 12)]
    return (0.2 * np.sum(tones, axis=0)).astype(np.float32)[:, np.newaxis]


def test_lost_packets_come_back_from_the_copies_in_the_next():
    packets = encoded(glide())
    whole = decoded(packets)
    decoders = [OpusDecoder(PI_FORMAT), OpusDecoder(PI_FORMAT)]
    errors = np.zeros(2)
    for number, packet in enumerate(packets[:-1]):
        if number % 4 != 3 or not has_fec(packets[number + 1]):
            for decoder in decoders:
                decoder.decode(packet)
            continue
        made = decoders[0].recover(packets[number + 1], 320), decoders[1].conceal(320)
        place = whole[320 * number : 320 * (number + 1)]
        errors += [np.sum((block - place) ** 2) for block in made]
    assert errors[0] < 0.5 * errors[1]


def test_of_two_lost_packets_the_second_comes_back(packets):
    lost = next(n for n in range(20, len(packets)) if has_fec(packets[n + 1]))
    one, two = OpusDecoder(PI_FORMAT), OpusDecoder(PI_FORMAT)
    for packet in packets[: lost - 1]:
        one.decode(packet)
        two.decode(packet)
    both = one.recover(packets[lost + 1], 640)
    apart = [two.conceal(320), two.recover(packets[lost + 1], 320)]
    np.testing.assert_array_equal(both, np.concatenate(apart))


def test_nothing_is_recovered_where_there_is_no_copy(packets):
    bare = encoded(VOICE, wanted=OpusSettings(fec=False))
    decoder = OpusDecoder(PI_FORMAT)
    assert decoder.recover(packets[30], 320) is None, "nothing was decoded before"
    decoder.decode(bare[10])
    assert decoder.recover(bare[12], 320) is None
    decoder.decode(packets[10])
    assert decoder.recover(packets[30], 160) is None, "less was lost than the copy is of"
    music = encoded(VOICE, wanted=OpusSettings(application="lowdelay"))
    decoder.decode(music[10])
    assert decoder.recover(packets[30], 320) is None, "the modes differ"


@pytest.mark.parametrize("n_samples", [0, 1, 40, 319, 320, 16_000])
def test_concealment_is_as_long_as_was_asked_and_fades(packets, n_samples):
    decoder = OpusDecoder(PI_FORMAT)
    assert not decoder.conceal(n_samples).any(), "nothing came before"
    for packet in packets[:20]:
        last = decoder.decode(packet)
    heard = decoder.conceal(n_samples)
    assert heard.shape == (n_samples, 1)
    if n_samples == 16_000:
        assert np.abs(heard[-1600:]).max() < 0.1 * np.abs(last).max()


@pytest.mark.parametrize("fmt", [PI_FORMAT, STEREO, StreamFormat(8_000, 2)])
def test_whatever_was_sent_comes_out_in_the_format_that_was_asked(packets, fmt):
    decoder = OpusDecoder(fmt)
    heard = decoder.decode(packets[5])
    assert heard.shape == (fmt.sample_rate // 50, fmt.channels)
    assert heard.flags.c_contiguous
    assert heard.dtype == np.float32
    assert decoder.n_samples(packets[5]) == fmt.sample_rate // 50


@pytest.mark.parametrize("kind", [bytearray, memoryview, lambda b: np.frombuffer(b, np.uint8)])
def test_a_packet_may_lie_in_anything_that_holds_bytes(packets, kind):
    ours, theirs = OpusDecoder(PI_FORMAT), OpusDecoder(PI_FORMAT)
    for packet in packets[:30]:
        np.testing.assert_array_equal(ours.decode(kind(packet)), theirs.decode(packet))
    after = next(packet for packet in packets[31:] if has_fec(packet))
    np.testing.assert_array_equal(ours.recover(kind(after), 320), theirs.recover(after, 320))


def test_a_block_is_the_callers_own(packets):
    decoder = OpusDecoder(PI_FORMAT)
    first = decoder.decode(packets[20])
    copy = first.copy()
    decoder.decode(packets[21])
    np.testing.assert_array_equal(first, copy)


def test_the_gain_of_a_stream_is_applied(packets):
    plain, louder = OpusDecoder(PI_FORMAT), OpusDecoder(PI_FORMAT, gain_db=-6.0)
    pairs = [(plain.decode(packet), louder.decode(packet)) for packet in packets[:20]]
    before, after = (np.concatenate(blocks) for blocks in zip(*pairs, strict=True))
    np.testing.assert_allclose(after, before * 10 ** (-6 / 20), atol=2e-5)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_packets_decode_within_full_scale_or_are_refused(packets, data):
    decoder = OpusDecoder(PI_FORMAT)
    for _ in range(data.draw(st.integers(1, 6))):
        packet = bytearray(data.draw(st.sampled_from(packets)))
        for _ in range(data.draw(st.integers(0, 8))):
            bit = data.draw(st.integers(0, 8 * len(packet) - 1))
            packet[bit // 8] ^= 1 << bit % 8
        payload = bytes(packet[: data.draw(st.integers(0, len(packet)))])
        try:
            decoder.recover(payload, 320)
            heard = decoder.decode(payload)
        except MalformedPacketError:
            continue
        assert np.abs(heard).max() <= 1.0
        assert len(heard) == decoder.n_samples(payload)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=1500))
def test_random_bytes_decode_within_full_scale_or_are_refused(payload):
    decoder = OpusDecoder(STEREO)
    with contextlib.suppress(MalformedPacketError):
        assert np.abs(decoder.decode(payload)).max() <= 1.0


@pytest.mark.parametrize(
    ("fmt", "message"),
    [
        (
            StreamFormat(44_100, 1),
            "44100, expected 8000, 12000, 16000, 24000 or 48000 Hz for Opus",
        ),
        (StreamFormat(16_000, 3), "3, expected 1 or 2 for Opus"),
    ],
)
def test_formats_that_opus_lacks_are_named(fmt, message):
    for kind in (OpusEncoder, OpusDecoder):
        with pytest.raises(SettingError, match=message):
            kind(fmt)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("application", "radio"),
        ("bitrate_bps", 5_999),
        ("bitrate_bps", 510_001),
        ("rate_control", "none"),
        ("complexity", 11),
        ("bandwidth", "huge"),
        ("signal", "noise"),
        ("expected_loss_percent", 101),
        ("frame_ms", 30.0),
        ("frame_ms", float("nan")),
    ],
)
def test_a_setting_outside_its_range_is_refused_by_name(name, value):
    with pytest.raises(SettingError, match=f"{name} is .*, expected"):
        OpusSettings(**{name: value})


def test_several_threads_encode_at_once(packets):
    made = {}

    def work(name):
        made[name] = encoded(VOICE)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(made[n] == packets for n in range(4))


def test_a_daemon_thread_may_still_encode_when_the_program_ends():
    program = """
import threading, time
import numpy as np
from audiokit.codec.opus import PI_FORMAT, OpusDecoder, OpusEncoder
started = threading.Event()
def work():
    encoder, decoder = OpusEncoder(PI_FORMAT), OpusDecoder(PI_FORMAT)
    block = np.random.default_rng(0).normal(0, 0.1, (160_000, 1)).astype(np.float32)
    while True:
        for packet in encoder.push(block):
            decoder.decode(packet)
            started.set()
threading.Thread(target=work, daemon=True).start()
assert started.wait(20)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
