"""What the hum remover does to mains hum, to a voice and to nothing."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from audiokit.denoise.hum import HumRemover, HumSettings
from audiokit.errors import SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import render, speechlike, split_at

MONO = StreamFormat(16000)


def mains(fmt, seconds, fundamental_hz=50.0, *, drift_hz=0.0, n_lines=8, level_dbfs=-20.0):
    """Lines with random phases, 6 dB less per octave, on a frequency that swings slowly."""
    time_s = np.arange(round(seconds * fmt.sample_rate)) / fmt.sample_rate
    turns = np.cumsum(fundamental_hz + drift_hz * np.sin(2 * np.pi * 0.1 * time_s))
    rng = np.random.default_rng(3)
    phases = rng.uniform(0, 2 * np.pi, n_lines)
    hum = sum(
        np.cos(2 * np.pi * number * turns / fmt.sample_rate + phases[number - 1]) / number
        for number in range(1, n_lines + 1)
    )
    hum *= 10 ** (level_dbfs / 20) / np.sqrt(np.mean(hum**2))
    return np.repeat(hum[:, None], fmt.channels, axis=1).astype(np.float32)


def voice(fmt, seconds, pitch_hz, level_dbfs=-20.0):
    """Harmonics that glide by a tenth, in syllables of 0.2 s and pauses of 0.1 s."""
    time_s = np.arange(round(seconds * fmt.sample_rate)) / fmt.sample_rate
    glide = 0.1 * pitch_hz / (2 * np.pi * 1.3) * np.sin(2 * np.pi * 1.3 * time_s)
    phase = 2 * np.pi * (pitch_hz * time_s + glide)
    tone = sum(np.sin(k * phase) / k for k in range(1, 20))
    tone = tone * np.clip(8 * np.sin(2 * np.pi * time_s / 0.3) + 4, 0, 1)
    tone *= 10 ** (level_dbfs / 20) / np.sqrt(np.mean(tone**2))
    return np.repeat(tone[:, None], fmt.channels, axis=1).astype(np.float32)


def level_db(block):
    return 10 * np.log10(np.mean(np.square(block, dtype=np.float64)) + 1e-20)


def test_hum_that_drifts_under_a_voice_goes_and_the_voice_stays():
    speech = voice(MONO, 8.0, 137.0)
    hum = mains(MONO, 8.0, drift_hz=0.2)
    out = render(HumRemover(MONO), [speech + hum])
    later = slice(16000, None)
    assert level_db((out - speech)[later]) < level_db(hum[later]) - 14.0


def test_a_recorded_voice_is_freed_of_hum_as_loud_by_20_db(recordings):
    speech, _ = soundfile.read(
        recordings / "speech" / "libri_2033-164914-0001.flac", dtype="float32", always_2d=True
    )
    hum = mains(MONO, len(speech) / 16000, 60.0, drift_hz=0.2, level_dbfs=level_db(speech))
    out = render(HumRemover(MONO), [speech + hum])
    later = slice(16000, None)
    assert level_db((out - speech)[later]) < level_db(hum[later]) - 20.0


@pytest.mark.parametrize("fundamental_hz", [49.8, 50.0, 59.9, 60.2])
def test_the_mains_are_found_by_themselves(fundamental_hz):
    stage = HumRemover(MONO)
    render(stage, [voice(MONO, 4.0, 137.0) + mains(MONO, 4.0, fundamental_hz)])
    assert stage.facts()["hum_hz"] == pytest.approx(fundamental_hz, abs=0.05)
    assert stage.facts()["n_harmonics"] >= 6


@pytest.mark.parametrize("sample_rate", [8000, 11025, 22050, 44100, 48000, 96000])
def test_hum_alone_falls_by_40_db_at_every_rate(sample_rate):
    fmt = StreamFormat(sample_rate)
    hum = mains(fmt, 2.5, 60.0, drift_hz=0.1)
    out = render(HumRemover(fmt), [hum])
    half = len(hum) // 2
    assert level_db(out[half:]) < level_db(hum[half:]) - 40.0


@pytest.mark.parametrize("pitch_hz", [100.0, 120.0, 150.0])
def test_a_voice_that_crosses_the_lines_comes_out_bit_for_bit(pitch_hz):
    speech = voice(MONO, 5.0, pitch_hz)
    stage = HumRemover(MONO)
    np.testing.assert_array_equal(render(stage, [speech]), speech)
    assert stage.facts() == {"hum_hz": None, "n_harmonics": 0, "reduction_db": 0.0}


def test_noise_comes_out_bit_for_bit():
    noise = np.random.default_rng(1).standard_normal((16000 * 8, 1)).astype(np.float32) * 0.1
    np.testing.assert_array_equal(render(HumRemover(MONO), [noise]), noise)


def test_full_hum_is_gone_0_7_s_after_it_begins():
    hum = mains(MONO, 2.0)
    hum = np.concatenate([MONO.silence(16000), hum])
    out = render(HumRemover(MONO), [hum])
    begin = 16000 + round(0.7 * 16000)
    assert level_db(out[begin:]) < level_db(hum[begin:]) - 25.0


def test_a_lone_line_is_gone_1_5_s_after_it_begins():
    hum = mains(MONO, 4.0, 100.0, n_lines=1)
    out = render(HumRemover(MONO), [hum])
    assert level_db(out[24000:]) < -50.0


def test_with_look_ahead_hum_falls_from_the_first_sample_on():
    speech = voice(MONO, 4.0, 137.0)
    hum = mains(MONO, 4.0)
    out = render(HumRemover(MONO, HumSettings(lookahead_ms=500.0)), [speech + hum])
    assert level_db((out - speech)[:4000]) < level_db(hum[:4000]) - 8.0


def test_what_hum_leaves_behind_when_it_stops_is_nothing():
    hum = np.concatenate([mains(MONO, 3.0), MONO.silence(5 * 16000)])
    stage = HumRemover(MONO)
    out = render(stage, [hum])
    assert level_db(out[4 * 16000 : 5 * 16000]) < -40.0
    assert not out[7 * 16000 :].any()


def test_channels_of_opposite_sign_do_not_hide_the_hum():
    hum = mains(StreamFormat(16000, 2), 2.0)
    hum[:, 1] *= -1.0
    out = render(HumRemover(StreamFormat(16000, 2)), [hum])
    assert level_db(out[16000:]) < level_db(hum) - 40.0


@pytest.mark.parametrize("tone_hz", [59.1, 240.0, 420.0])
def test_a_lone_tone_that_no_mains_makes_stays(tone_hz):
    # A motor's slip, and notes that a voice may hold.
    tone = mains(MONO, 4.0, tone_hz, n_lines=1)
    stage = HumRemover(MONO)
    np.testing.assert_array_equal(render(stage, [tone]), tone)
    assert stage.facts()["hum_hz"] is None


def test_even_lines_alone_take_more_than_a_moment():
    # A steady voice of 120 Hz has these, and nothing between.
    note = mains(MONO, 0.7, 120.0, n_lines=5)
    np.testing.assert_array_equal(render(HumRemover(MONO), [note]), note)


def test_recorded_voices_without_a_line_come_out_bit_for_bit(recordings):
    for name in ("leopard_test_es", "libri_1998-15444-0002"):
        speech, rate = soundfile.read(
            recordings / "speech" / f"{name}.flac", dtype="float32", always_2d=True
        )
        fmt = StreamFormat(rate, speech.shape[1])
        out = render(HumRemover(fmt, HumSettings(lookahead_ms=500.0)), [speech])
        np.testing.assert_array_equal(out, speech)


def test_a_given_fundamental_is_the_only_one_looked_for():
    hum = mains(MONO, 2.0, 60.0)
    out = render(HumRemover(MONO, HumSettings(fundamental_hz=50.0, highest_hz=250.0)), [hum])
    np.testing.assert_array_equal(out, hum)


def test_nothing_above_the_highest_line_is_touched():
    hum = mains(MONO, 3.0, n_lines=8)
    out = render(HumRemover(MONO, HumSettings(highest_hz=210.0)), [hum])
    before, after = (np.abs(np.fft.rfft(block[-16000:, 0]))[50:401:50] for block in (hum, out))
    np.testing.assert_allclose(after / before, [0, 0, 0, 0, 1, 1, 1, 1], atol=0.01)


def test_facts_do_not_depend_on_the_cutting():
    noisy = mains(MONO, 2.0) + speechlike(MONO, 2.0)
    whole, cut = HumRemover(MONO), HumRemover(MONO)
    out = render(whole, [noisy])
    np.testing.assert_array_equal(render(cut, split_at(noisy, range(0, len(noisy), 777))), out)
    assert whole.facts() == cut.facts()
    assert whole.facts()["reduction_db"] > 3.0


def test_the_default_is_no_later_than_25_ms():
    for sample_rate in (8000, 11025, 16000, 44100, 48000, 96000):
        assert HumRemover(StreamFormat(sample_rate)).latency_samples < 0.025 * sample_rate


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fundamental_hz": 400.0}, "fundamental_hz is 400.0, expected 45 to 65 Hz, or None"),
        ({"highest_hz": 50.0}, "highest_hz is 50.0, expected 100 to 2000 Hz"),
        ({"lookahead_ms": -1.0}, "lookahead_ms is -1.0, expected 0 to 2000 ms"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        HumSettings(**settings)


def test_a_rate_outside_8_to_96_khz_is_refused():
    with pytest.raises(SettingError, match="8000 to 96000 Hz"):
        HumRemover(StreamFormat(4000))
