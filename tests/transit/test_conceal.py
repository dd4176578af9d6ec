"""What every concealer does alike, whatever its method."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.errors import SettingError
from audiokit.stage import StreamFormat
from audiokit.transit.concealer import CONCEALERS, new_concealer

NAMES = sorted(CONCEALERS)
# How long each is heard in a gap at most, in seconds.
HEARD_S = {"repeat": 0.08, "linear": 0.021, "spectral": 0.08, "pitch": 0.16, "bridge": 0.16}
each_method = pytest.mark.parametrize("name", NAMES)
each_rate = pytest.mark.parametrize("rate", [8000, 12000, 16000, 24000, 44100, 48000])


def voice(rate, seconds=0.3, channels=1, pitch_hz=120.0):
    """A buzz through one resonance, and a little noise."""
    n_samples = round(rate * seconds)
    time_s = np.arange(n_samples) / rate
    pulses = sum(
        np.cos(2 * np.pi * pitch_hz * k * time_s) / (1.0 + ((pitch_hz * k - 500.0) / 200.0) ** 2)
        for k in range(1, int(0.45 * min(rate, 16000) / pitch_hz))
    )
    noise = np.random.default_rng(1).standard_normal((n_samples, channels))
    loudness = np.linspace(1.0, 0.5, channels)
    sound = 0.2 * pulses[:, np.newaxis] * loudness + 0.002 * noise
    return np.ascontiguousarray(sound, np.float32)


def after(name, heard, rate):
    """Return a concealer that has heard something."""
    concealer = new_concealer(name, StreamFormat(rate, heard.shape[1]))
    for begin in range(0, len(heard), rate // 50):
        concealer.received(heard[begin : begin + rate // 50])
    return concealer


@each_method
@each_rate
@pytest.mark.parametrize("channels", [1, 2])
def test_packets_of_any_length_get_as_many_samples_back(name, rate, channels):
    heard = voice(rate, channels=channels)
    for packet_ms in (2.5, 5.0, 10.0, 20.0, 40.0, 60.0):
        concealer = after(name, heard, rate)
        n_samples = round(rate * packet_ms / 1000.0)
        for following in (None, heard[:n_samples]):
            made = concealer.lost(n_samples, following)
            assert made.shape == (n_samples, channels)
            assert made.dtype == np.float32
            assert np.isfinite(made).all()
            assert np.abs(made).max() < 2.0 * np.abs(heard).max()
        assert concealer.received(heard[:n_samples]).shape == (n_samples, channels)


@each_method
def test_nothing_changes_where_nothing_is_lost(name):
    heard = voice(16000)
    concealer = new_concealer(name, StreamFormat(16000))
    for begin in range(0, len(heard), 320):
        block = heard[begin : begin + 320]
        assert concealer.received(block) is block


@each_method
def test_a_block_that_is_given_is_never_written_to(name):
    heard = voice(16000)
    heard.flags.writeable = False
    concealer = after(name, heard, 16000)
    concealer.lost(320, heard[:320])
    concealer.received(heard[:320])
    concealer.lost(320)
    concealer.received(heard[:320])


@each_method
@given(cuts=st.lists(st.integers(0, 2400), max_size=10).map(sorted))
@settings(max_examples=15, deadline=None)
def test_a_gap_is_the_same_however_it_is_cut_into_packets(name, cuts):
    heard = voice(16000)
    whole = after(name, heard, 16000).lost(2400)
    concealer = after(name, heard, 16000)
    edges = zip([0, *cuts], [*cuts, 2400], strict=True)
    pieces = [concealer.lost(end - begin) for begin, end in edges]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


@each_method
@given(cuts=st.lists(st.integers(0, 960), max_size=10).map(sorted))
@settings(max_examples=15, deadline=None)
def test_the_way_out_is_the_same_however_what_follows_is_cut(name, cuts):
    heard = voice(16000)
    outcomes = []
    for edges in ([], cuts):
        concealer = after(name, heard, 16000)
        concealer.lost(640)
        parts = np.split(heard[:960], edges)
        outcomes.append(np.concatenate([concealer.received(part) for part in parts]))
    np.testing.assert_array_equal(*outcomes)


@each_method
@each_rate
def test_silence_stays_silence(name, rate):
    concealer = after(name, np.zeros((rate // 5, 1), np.float32), rate)
    silence = np.zeros((rate // 50, 1), np.float32)
    for following in (None, silence):
        assert not concealer.lost(rate // 50, following).any()
        assert not concealer.received(silence).any()


@each_method
def test_a_gap_at_the_very_beginning_is_silence(name):
    assert not new_concealer(name, StreamFormat(16000)).lost(320).any()


@each_method
def test_a_long_gap_fades_to_silence(name):
    heard = voice(16000)
    made = after(name, heard, 16000).lost(16000)
    n_heard = round(HEARD_S[name] * 16000)
    assert not made[n_heard:].any()
    assert made[: n_heard // 2].any()


@pytest.mark.parametrize("name", ["repeat", "spectral"])
def test_the_fade_is_a_straight_line_of_its_length(name):
    concealer = after(name, voice(16000), 16000)
    begin, length = (round(16000 * s) for s in (concealer.hold_s, concealer.fade_s))
    made = np.abs(concealer.lost(begin + length))
    assert made[begin + length // 2 :].max() <= 0.75 * made.max()
    assert made[begin + 3 * length // 4 :].max() <= 0.5 * made.max()
    assert made[begin + length // 4 : begin + length // 2].max() > 0.1 * made.max()


@each_method
def test_the_first_good_block_is_left_alone_after_8_ms(name):
    heard = voice(16000)
    concealer = after(name, heard, 16000)
    concealer.lost(960)
    block = heard[:640]
    out = concealer.received(block)
    np.testing.assert_array_equal(out[128:], block[128:])
    assert not np.array_equal(out, block)


@each_method
def test_a_reset_concealer_is_as_new(name):
    heard = voice(16000)
    used = after(name, heard[::-1].copy(), 16000)
    used.lost(500)
    used.reset()
    fresh = new_concealer(name, StreamFormat(16000))
    for concealer in (used, fresh):
        for begin in range(0, len(heard), 320):
            concealer.received(heard[begin : begin + 320])
    np.testing.assert_array_equal(used.lost(960), fresh.lost(960))
    np.testing.assert_array_equal(used.received(heard[:320]), fresh.received(heard[:320]))


@each_method
@given(
    packets=st.lists(st.tuples(st.booleans(), st.integers(0, 700)), max_size=25),
    with_following=st.booleans(),
    seed=st.integers(0, 9),
)
@settings(max_examples=15, deadline=None)
def test_any_stream_keeps_its_length_and_stays_within_bounds(name, packets, with_following, seed):
    rng = np.random.default_rng(seed)
    concealer = new_concealer(name, StreamFormat(8000, 2))
    for is_lost, n_samples in packets:
        block = rng.uniform(-1.0, 1.0, (n_samples, 2)).astype(np.float32)
        following = block if with_following else None
        out = concealer.lost(n_samples, following) if is_lost else concealer.received(block)
        assert out.shape == block.shape
        assert np.isfinite(out).all()
        assert np.abs(out).max(initial=0.0) <= 1.0


@each_method
@pytest.mark.parametrize("sound", ["dc", "full", "impulse"])
def test_odd_sounds_stay_within_full_scale(name, sound):
    heard = np.zeros((3200, 1), np.float32)
    if sound == "impulse":
        heard[-1] = 1.0
    else:
        heard[:] = 1.0
    if sound == "full":
        heard[::2] = -1.0
    concealer = after(name, heard, 16000)
    made = np.concatenate([concealer.lost(320), concealer.lost(320, heard[:320])])
    assert np.isfinite(made).all()
    assert np.abs(made).max() <= 1.0


@each_method
@pytest.mark.parametrize("rate", [7999, 48001])
def test_a_rate_that_nobody_calls_with_is_refused(name, rate):
    with pytest.raises(SettingError, match=f"sample_rate is {rate}, expected 8000 to 48000 Hz"):
        new_concealer(name, StreamFormat(rate))


def test_a_method_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(SettingError, match="plc is 'magic', expected one of repeat, linear"):
        new_concealer("magic", StreamFormat(16000))


@each_method
def test_only_what_looks_ahead_asks_the_caller_to(name):
    latency = new_concealer(name, StreamFormat(16000)).latency_samples
    assert latency == {"bridge": 320, "linear": 1}.get(name, 0)
