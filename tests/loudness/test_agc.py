"""Automatic gain: where it takes speech, how fast, what it leaves alone, the ceiling."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.files.read import open_audio
from audiokit.loudness.active_level import ActiveLevelMeter
from audiokit.loudness.agc import Agc, AgcSettings
from audiokit.loudness.true_peak import TruePeakMeter
from audiokit.stage import StreamFormat
from audiokit.testing import FORMATS, measure, render, speechlike, split_at

FMT = StreamFormat(16000)
# Far below the ceiling, so that the limiter leaves the gain to be seen.
LOW = AgcSettings(target_active_dbov=-40.0, min_gain_db=-60.0, max_gain_db=60.0)
# Three syllables of `speechlike` take so long.
PERIOD = round(3 / 3.1 * FMT.sample_rate)


def power_dbfs(block):
    return 10 * np.log10((block.astype(float) ** 2).mean())


def voice(level_dbfs, seconds):
    """Return syllables whose mean power is at a level; pauses between them are short."""
    block = speechlike(FMT, seconds)
    return (block * 10 ** ((level_dbfs - power_dbfs(block)) / 20)).astype(np.float32)


def gains_db(out, block):
    """Return the gain at the end of every frame of 10 ms, where there is sound."""
    ends = np.arange(159, len(block), 160)
    return 20 * np.log10(np.abs(out[ends, 0] / block[ends, 0]))


def noise(level_dbfs, seconds, seed=5):
    samples = np.random.default_rng(seed).standard_normal((round(seconds * 16000), 1))
    return (samples * 10 ** (level_dbfs / 20)).astype(np.float32)


@pytest.mark.parametrize("level_dbfs", [-50.0, -26.0, -12.0])
def test_speech_of_any_level_comes_to_the_target(level_dbfs):
    out = render(Agc(FMT), [voice(level_dbfs, 10.0)])
    assert power_dbfs(out[-3 * PERIOD :]) == pytest.approx(-26.0, abs=0.5)


def test_20_db_louder_is_back_within_3_db_after_two_and_a_half_seconds():
    block = np.concatenate([voice(-40.0, 8.0), voice(-20.0, 6.0)])
    out = render(Agc(FMT), [block])
    start = 8 * 16000
    assert power_dbfs(out[start - PERIOD : start]) == pytest.approx(-26.0, abs=1.0)
    settled = start + 40000
    assert power_dbfs(out[settled : settled + PERIOD]) == pytest.approx(-26.0, abs=3.0)


def test_20_db_softer_is_back_within_3_db_after_seven_seconds():
    block = np.concatenate([voice(-20.0, 6.0), voice(-40.0, 9.0)])
    out = render(Agc(FMT), [block])
    settled = 13 * 16000
    assert power_dbfs(out[settled : settled + PERIOD]) == pytest.approx(-26.0, abs=3.0)


@pytest.mark.parametrize("ceiling_dbtp", [-1.0, -9.0])
def test_a_jump_of_50_db_never_passes_the_ceiling(ceiling_dbtp):
    block = np.concatenate([voice(-55.0, 6.0), voice(-5.0, 3.0)])
    agc = Agc(FMT, AgcSettings(ceiling_dbtp=ceiling_dbtp))
    out = render(agc, [block])
    peak_dbtp = 20 * np.log10(measure(TruePeakMeter(FMT), [out]))
    assert ceiling_dbtp - 1.0 < peak_dbtp <= ceiling_dbtp
    assert agc.facts()["max_reduction_db"] > 10.0


@pytest.mark.parametrize(
    ("from_dbfs", "to_dbfs", "slope_db"), [(-30.0, -60.0, 0.05), (-60.0, -30.0, -0.15)]
)
def test_the_gain_moves_no_faster_than_its_slopes(from_dbfs, to_dbfs, slope_db):
    settings = AgcSettings(
        target_active_dbov=-60.0,
        min_gain_db=-60.0,
        gate_dbfs=-100.0,
        rise_db_per_s=5.0,
        fall_db_per_s=15.0,
    )
    block = np.concatenate([voice(from_dbfs, 5.0), voice(to_dbfs, 5.0)])
    steps_db = np.diff(gains_db(render(Agc(FMT, settings), [block]), block))
    assert steps_db.min() >= -0.151
    assert steps_db.max() <= 0.051
    # And it does move as fast as that.
    assert np.abs(steps_db - slope_db).min() < 1e-3


def test_in_a_pause_the_gain_stands_still():
    pause = noise(-70.0, 20.0)
    block = np.concatenate([voice(-50.0, 2.0), pause])
    gains = gains_db(render(Agc(FMT), [block]), block)
    # The smoothed power takes 150 ms to fall below the gate, which closes 200 ms later.
    after = gains[200 + 40 :]
    assert gains[0] == pytest.approx(0.0, abs=1e-4)
    assert after[0] > 5.0
    np.testing.assert_allclose(after, after[0], atol=1e-4)


@pytest.mark.parametrize("level_dbfs", [-60.0, -40.0, -20.0])
def test_steady_noise_keeps_its_bits(level_dbfs):
    block = noise(level_dbfs, 10.0)
    agc = Agc(FMT)
    np.testing.assert_array_equal(render(agc, [block]), block)
    assert agc.facts()["speech_s"] == 0.0


def test_noise_that_sets_in_is_taken_for_speech_for_little_more_than_a_second():
    agc = Agc(FMT)
    render(agc, [np.concatenate([FMT.silence(16000), noise(-40.0, 30.0)])])
    assert agc.facts()["speech_s"] < 1.5


def test_a_steady_tone_is_no_speech():
    time_s = np.arange(160000) / 16000
    block = (0.1 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)[:, None]
    np.testing.assert_array_equal(render(Agc(FMT), [block]), block)


def test_the_gain_keeps_within_its_bounds():
    bounded = AgcSettings(max_gain_db=6.0, min_gain_db=-3.0)
    soft, loud = Agc(FMT, bounded), Agc(FMT, bounded)
    render(soft, [voice(-50.0, 5.0)])
    render(loud, [voice(-12.0, 5.0)])
    assert soft.facts()["gain_db"] == 6.0
    assert loud.facts()["gain_db"] == -3.0


def test_an_offset_is_not_level():
    block = voice(-50.0, 6.0)
    plain, shifted = Agc(FMT), Agc(FMT)
    render(plain, [block])
    render(shifted, [block + np.float32(0.05)])
    assert shifted.facts()["gain_db"] == pytest.approx(plain.facts()["gain_db"], abs=0.1)


def test_channels_share_one_gain_and_the_louder_decides():
    stereo = StreamFormat(16000, 2)
    mono = voice(-30.0, 6.0)
    block = np.ascontiguousarray(np.concatenate([mono, mono * np.float32(0.25)], axis=1))
    agc, alone = Agc(stereo, LOW), Agc(FMT, LOW)
    out = render(agc, [block])
    np.testing.assert_array_equal(out[:, [0]], render(alone, [mono]))
    np.testing.assert_allclose(out[:, 1], out[:, 0] * 0.25, atol=1e-7)


@pytest.mark.parametrize("fmt", [*FORMATS, StreamFormat(48000, 2)])
def test_the_latency_is_below_ten_milliseconds(fmt):
    assert Agc(fmt).latency_samples <= 0.010 * fmt.sample_rate


def test_live_blocks_give_the_same_bits_and_facts():
    fmt = StreamFormat(44100, 2)
    block = speechlike(fmt, 3.0)
    settings = AgcSettings(target_active_dbov=-8.0)
    whole, live = Agc(fmt, settings), Agc(fmt, settings)
    expected = render(whole, [block])
    pieces = split_at(block, [1, 2, 3, 50, *range(51, len(block), 882)])
    np.testing.assert_array_equal(render(live, pieces), expected)
    assert live.facts() == whole.facts()
    assert whole.facts()["limited_samples"] > 0
    assert whole.facts()["gain_db"] > 1.0


@pytest.mark.parametrize("name", ["silero_test.flac", "librosa_libri1.ogg", "jfk.flac"])
@pytest.mark.parametrize("change_db", [0.0, -20.0])
def test_real_speech_ends_within_2_db_of_the_target(recordings, name, change_db):
    with open_audio(recordings / "speech" / name) as reader:
        fmt = reader.fmt
        block = np.concatenate(list(reader.blocks(fmt.sample_rate)))[: 40 * fmt.sample_rate]
    block = (block * 10 ** (change_db / 20)).astype(np.float32)
    out = render(Agc(fmt), [block])
    report = measure(ActiveLevelMeter(fmt), [out[-len(out) // 2 :]])
    assert report.active_level_dbov == pytest.approx(-26.0, abs=2.0)


@pytest.mark.parametrize("name", ["cafe_short.flac", "blanket_wind.ogg", "exercise_bike.flac"])
def test_real_noise_hardly_moves_the_gain(recordings, name):
    with open_audio(recordings / "noise" / name) as reader:
        agc = Agc(reader.fmt)
        render(agc, reader.blocks(reader.fmt.sample_rate))
    assert abs(agc.facts()["gain_db"]) < 4.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"target_active_dbov": 1.0},
        {"max_gain_db": -1.0},
        {"min_gain_db": 1.0},
        {"rise_db_per_s": 0.0},
        {"fall_db_per_s": float("nan")},
        {"gate_dbfs": 1.0},
        {"ceiling_dbtp": 0.5},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        AgcSettings(**wrong)
