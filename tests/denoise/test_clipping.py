"""Which clipping is found, what is restored, and what is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.denoise.clipping import ClippingRepairer, ClippingSettings
from audiokit.errors import SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import render, split_at

MONO = StreamFormat(16000)


def voice(fmt, seconds, peak=0.9):
    """Harmonics that glide, under a slow envelope."""
    time_s = np.arange(round(seconds * fmt.sample_rate)) / fmt.sample_rate
    phase = 2 * np.pi * (150 * time_s + np.sin(2 * np.pi * 1.3 * time_s))
    tone = sum(np.sin(k * phase + k * k) / k for k in range(1, 16))
    tone = tone * (0.6 + 0.4 * np.sin(2 * np.pi * 2.1 * time_s))
    tone *= peak / np.abs(tone).max()
    return np.repeat(tone[:, None], fmt.channels, axis=1).astype(np.float32)


def sdr_db(reference, estimate):
    error = np.sum(np.square(estimate - reference, dtype=np.float64))
    return 10 * np.log10(np.sum(np.square(reference, dtype=np.float64)) / error)


@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100, 96000])
def test_what_was_cut_off_comes_back(sample_rate):
    fmt = StreamFormat(sample_rate)
    sound = voice(fmt, 0.3)
    clipped = np.clip(sound, -0.45, 0.45)
    stage = ClippingRepairer(fmt)
    out = render(stage, [clipped])
    assert sdr_db(sound, out) > sdr_db(sound, clipped) + 3.0
    assert stage.facts()["n_clipped"] > 0.9 * np.count_nonzero(np.abs(sound) > 0.45)


def test_speech_of_which_little_is_left_still_gains(recordings):
    soundfile = pytest.importorskip("soundfile")
    path = recordings / "speech" / "libri_2414-128291-0001.flac"
    speech, rate = soundfile.read(path, dtype="float32", always_2d=True)
    speech = speech[rate : 3 * rate]
    # Where it is loud, nine samples in ten and more are clipped.
    level = np.float32(0.25 * speech.std())
    clipped = np.clip(speech, -level, level) * np.float32(0.1 / level)
    out = render(ClippingRepairer(StreamFormat(rate)), [clipped])
    before, after = (
        sdr_db(speech, block * np.vdot(block, speech) / np.vdot(block, block))
        for block in (clipped, out)
    )
    assert after > before + 0.8


def test_only_clipped_samples_change_and_they_go_beyond_the_level():
    clipped = np.clip(voice(MONO, 1.0), -0.4, 0.3)
    out = render(ClippingRepairer(MONO), [clipped])
    is_clipped = (clipped >= 0.3 * 0.999) | (clipped <= -0.4 * 0.999)
    np.testing.assert_array_equal(out[~is_clipped], clipped[~is_clipped])
    assert np.all(np.abs(out[is_clipped]) >= np.abs(clipped[is_clipped]))


def test_clipping_is_found_after_a_change_of_gain_and_in_16_bits():
    sound = voice(MONO, 1.0)
    clipped = np.round(0.17 * np.clip(sound, -0.5, 0.5) * 32768) / 32768
    stage = ClippingRepairer(MONO)
    out = render(stage, [clipped.astype(np.float32)])
    assert sdr_db(0.17 * sound, out) > sdr_db(0.17 * sound, clipped) + 3.5
    level_dbfs = 20 * np.log10(0.17 * 0.5)
    assert stage.facts()["clip_level_dbfs"] == pytest.approx(level_dbfs, abs=0.02)


def test_what_was_not_clipped_passes_bit_for_bit():
    for sound in (
        voice(MONO, 1.0, peak=1.0),
        0.9 * np.sin(2 * np.pi * 60 * np.arange(48000) / 48000)[:, None].astype(np.float32),
        0.9 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)[:, None].astype(np.float32),
        np.random.default_rng(1).standard_normal((16000, 1)).astype(np.float32) * 0.2,
    ):
        fmt = StreamFormat(len(sound) if len(sound) == 48000 else 16000)
        np.testing.assert_array_equal(render(ClippingRepairer(fmt), [sound]), sound)


def test_the_coarse_steps_of_g711_are_no_clipping():
    mu = 255.0
    sound = voice(StreamFormat(8000), 2.0, peak=0.95)
    code = np.round(np.sign(sound) * np.log1p(mu * np.abs(sound)) / np.log1p(mu) * 127) / 127
    coarse = np.sign(code) * np.expm1(np.abs(code) * np.log1p(mu)) / mu
    out = render(ClippingRepairer(StreamFormat(8000)), [coarse.astype(np.float32)])
    np.testing.assert_array_equal(out, coarse.astype(np.float32))


@pytest.mark.parametrize("high", [1.0, -0.9999])
def test_what_is_nothing_but_extremes_stays_as_it_is(high):
    square = np.where(np.arange(16000) // 40 % 2 == 0, high, -1.0)[:, None].astype(np.float32)
    out = render(ClippingRepairer(MONO), [square])
    # At the ends silence is known.
    np.testing.assert_array_equal(out[1024:-1024], square[1024:-1024])
    assert np.all(np.isfinite(out))


def test_a_voice_that_is_nearly_all_clipped_stays_finite():
    clipped = np.clip(20.0 * voice(MONO, 0.5), -1.0, 1.0)
    out = render(ClippingRepairer(MONO), [clipped])
    assert np.all(np.isfinite(out))
    assert np.abs(out).max() <= 8.0


def test_each_channel_is_repaired_by_itself():
    fmt = StreamFormat(16000, 2)
    sound = voice(fmt, 0.25)
    sound[:, 1] = np.clip(sound[:, 1], -0.4, 0.4)
    out = render(ClippingRepairer(fmt), [sound])
    np.testing.assert_array_equal(out[:, 0], sound[:, 0])
    alone = render(ClippingRepairer(MONO), [np.ascontiguousarray(sound[:, 1:])])
    np.testing.assert_array_equal(out[:, 1:], alone)


def test_clipped_sound_comes_out_the_same_for_any_cutting():
    clipped = np.clip(voice(MONO, 0.25), -0.4, 0.4)
    whole = render(ClippingRepairer(MONO), [clipped])
    for size in (7, 320, 1023):
        pieces = split_at(clipped, range(0, len(clipped), size))
        np.testing.assert_array_equal(render(ClippingRepairer(MONO), pieces), whole)


def test_the_output_may_exceed_full_scale_and_says_so():
    clipped = np.clip(1.8 * voice(MONO, 0.5), -1.0, 1.0)
    stage = ClippingRepairer(MONO)
    out = render(stage, [clipped])
    peak_dbfs = 20 * np.log10(np.abs(out).max())
    assert peak_dbfs > 1.0
    assert stage.facts()["restored_peak_dbfs"] == pytest.approx(peak_dbfs, abs=0.01)
    quieter = render(ClippingRepairer(MONO, ClippingSettings(gain_db=-6.0)), [clipped])
    np.testing.assert_allclose(quieter, out * 10 ** (-6 / 20), atol=1e-6)


def test_facts_of_clean_sound_name_no_level():
    stage = ClippingRepairer(MONO)
    render(stage, [voice(MONO, 0.5)])
    assert stage.facts() == {
        "n_clipped": 0,
        "clipped_share": 0.0,
        "clip_level_dbfs": None,
        "restored_peak_dbfs": None,
    }


def test_no_more_than_64_ms_are_held_back():
    for sample_rate in (8000, 11025, 44100, 96000):
        assert ClippingRepairer(StreamFormat(sample_rate)).latency_samples <= 0.064 * sample_rate


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"max_iterations": 0}, "max_iterations"),
        ({"gain_db": 1.0}, "gain_db"),
        ({"gain_db": float("nan")}, "gain_db"),
    ],
)
def test_settings_out_of_range_are_refused(settings, name):
    with pytest.raises(SettingError, match=name):
        ClippingSettings(**settings)


def test_rates_beyond_reach_are_refused():
    with pytest.raises(SettingError, match="sample_rate"):
        ClippingRepairer(StreamFormat(192000))
