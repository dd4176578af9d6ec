"""Filters against SciPy's design and recursion, and against what the words promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from audiokit.dsp.filters import (
    Highpass,
    HighpassSettings,
    Lowpass,
    LowpassSettings,
    butterworth_highpass,
    butterworth_lowpass,
)
from audiokit.dsp.iir import RecursiveFilter
from audiokit.errors import SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import render, speechlike, split_at

MONO = StreamFormat(16000)


def response_db(sections, frequency_hz, sample_rate):
    z = np.exp(-2j * np.pi * np.asarray(frequency_hz) / sample_rate)
    top = sections[:, :3] @ np.array([np.ones_like(z), z, z * z])
    bottom = sections[:, 3:] @ np.array([np.ones_like(z), z, z * z])
    return 20 * np.log10(np.abs((top / bottom).prod(axis=0)))


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 8, 12])
@pytest.mark.parametrize(
    ("design", "kind"), [(butterworth_lowpass, "low"), (butterworth_highpass, "high")]
)
def test_designs_have_the_response_that_scipy_designs(design, kind, order):
    from scipy.signal import butter

    frequency_hz = np.array([20.0, 200.0, 900.0, 1000.0, 3000.0, 7900.0])
    peer = butter(order, 1000.0, kind, fs=16000, output="sos")
    ours = design(1000.0, 16000, order=order)
    expected = response_db(peer, frequency_hz, 16000)
    np.testing.assert_allclose(response_db(ours, frequency_hz, 16000), expected, atol=1e-6)


@pytest.mark.parametrize("order", [1, 2, 3, 6])
def test_the_cutoff_is_three_db_down_at_any_order(order):
    half_power_db = 10 * math.log10(0.5)
    low = butterworth_lowpass(3400.0, 8000, order=order)
    high = butterworth_highpass(80.0, 44100, order=order)
    np.testing.assert_allclose(response_db(low, [3400.0], 8000), half_power_db, atol=1e-9)
    np.testing.assert_allclose(response_db(high, [80.0], 44100), half_power_db, atol=1e-6)


@pytest.mark.parametrize("fmt", [MONO, StreamFormat(44100, 2), StreamFormat(192000, 3)])
@pytest.mark.parametrize("order", [1, 2, 5])
def test_output_equals_scipy_sample_by_sample(fmt, order):
    from scipy.signal import butter, sosfilt

    block = speechlike(fmt, 0.4) + np.float32(0.3)
    ours = render(Highpass(fmt, HighpassSettings(cutoff_hz=80.0, order=order)), [block])
    peer = sosfilt(butter(order, 80.0, "high", fs=fmt.sample_rate, output="sos"), block, axis=0)
    np.testing.assert_allclose(ours, peer, rtol=0, atol=1e-6)


def test_one_sample_at_a_time_gives_the_same_bits():
    block = speechlike(StreamFormat(8000, 2), 0.2)
    sections = butterworth_lowpass(1200.0, 8000, order=6)
    whole = RecursiveFilter(sections, 2).process(block)
    filtered = RecursiveFilter(sections, 2)
    pieces = [filtered.process(piece) for piece in split_at(block, range(1, len(block)))]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_live_blocks_after_a_long_block_give_the_same_bits():
    block = speechlike(MONO, 5.0)
    whole = render(Highpass(MONO), [block])
    cuts = [60_000, *range(60_320, len(block), 320)]
    np.testing.assert_array_equal(render(Highpass(MONO), split_at(block, cuts)), whole)


def test_channels_do_not_mix():
    block = speechlike(StreamFormat(16000, 3), 0.3)
    together = render(Highpass(StreamFormat(16000, 3)), [block])
    for channel in range(3):
        alone = render(Highpass(MONO), [np.ascontiguousarray(block[:, [channel]])])
        np.testing.assert_allclose(together[:, [channel]], alone, rtol=0, atol=1e-7)


def test_dc_at_192_khz_dies_out_and_does_not_come_back():
    fmt = StreamFormat(192000)
    stage = Highpass(fmt, HighpassSettings(cutoff_hz=38.0))
    blocks = [fmt.silence(192000) + np.float32(0.9)] * 4
    out = render(stage, blocks)
    assert abs(out[0, 0]) > 0.8
    assert np.abs(out[192000:]).max() < 1e-7


def test_a_lowpass_at_the_nyquist_frequency_stands_aside_and_says_so():
    block = speechlike(MONO, 0.2)
    for cutoff_hz, is_active in ((7999.0, True), (8000.0, False), (20000.0, False)):
        stage = Lowpass(MONO, LowpassSettings(cutoff_hz=cutoff_hz))
        assert np.array_equal(render(stage, [block]), block) is not is_active
        assert stage.facts() == {"active": is_active}


def test_a_highpass_at_the_nyquist_frequency_is_refused():
    with pytest.raises(SettingError, match="less than 4000 Hz"):
        Highpass(StreamFormat(8000), HighpassSettings(cutoff_hz=4000.0))


@pytest.mark.parametrize("settings", [HighpassSettings, LowpassSettings])
@pytest.mark.parametrize(
    "wrong", [{"cutoff_hz": 0.0}, {"cutoff_hz": math.nan}, {"order": 0}, {"order": 13}]
)
def test_settings_out_of_range_are_refused(settings, wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        settings(**wrong)


@pytest.mark.parametrize(
    "sections", [[[1, 0, 0, 1, -2, 1]], [[1, 0, 0, 1, 0, -1.1]], [[1, 0, 0]], np.zeros((0, 6))]
)
def test_sections_that_would_ring_or_make_no_filter_are_refused(sections):
    with pytest.raises(SettingError, match="sections"):
        RecursiveFilter(sections, 1)
