"""Which clicks are found, what is put in their place, and what is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.denoise.clicks import ClickRepairer, ClickSettings
from audiokit.errors import SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import render

MONO = StreamFormat(16000)


def resonant(fmt, seconds, level_dbfs=-26.0, seed=1):
    """Noise through two resonances, as an unvoiced vowel."""
    n_samples = round(seconds * fmt.sample_rate)
    frequency_hz = np.fft.rfftfreq(n_samples, 1 / fmt.sample_rate)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(n_samples))
    spectrum *= sum(1 / (1 + ((frequency_hz - f) / 120) ** 2) for f in (500, 1500)) + 0.003
    sound = np.fft.irfft(spectrum, n_samples)
    sound *= 10 ** (level_dbfs / 20) / np.sqrt(np.mean(sound**2))
    return np.repeat(sound[:, None], fmt.channels, axis=1).astype(np.float32)


def voiced(fmt, seconds, pitch_hz=110.0, level_dbfs=-26.0):
    """A train of pulses through a resonance."""
    n_samples = round(seconds * fmt.sample_rate)
    time_s = np.arange(n_samples) / fmt.sample_rate
    pulses = np.diff(np.floor(time_s * pitch_hz), prepend=0.0)
    pulses += 1e-3 * np.random.default_rng(3).standard_normal(n_samples)
    ring_s = time_s[: fmt.sample_rate // 20]
    ring = np.exp(-400 * ring_s) * np.sin(2 * np.pi * 700 * ring_s)
    sound = np.convolve(pulses, ring)[:n_samples]
    sound *= 10 ** (level_dbfs / 20) / np.sqrt(np.mean(sound**2))
    return sound[:, None].astype(np.float32)


def starts(fmt, seconds, every_s=0.21):
    return np.arange(0.15, seconds - 0.1, every_s) * fmt.sample_rate // 1


@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100, 96000])
@pytest.mark.parametrize("kind", ["one sample", "burst"])
def test_clicks_are_found_and_what_was_there_comes_back(sample_rate, kind):
    fmt = StreamFormat(sample_rate)
    sound = resonant(fmt, 1.0)
    clicked = sound.copy()
    rng = np.random.default_rng(7)
    places = starts(fmt, 1.0).astype(int)
    length = 1 if kind == "one sample" else sample_rate // 1000
    for place in places:
        clicked[place : place + length, 0] += rng.choice([-0.6, 0.6], length)
    stage = ClickRepairer(fmt)
    out = render(stage, [clicked])
    assert stage.facts()["n_clicks"] == len(places)
    error_db = 10 * np.log10(np.sum((out - sound) ** 2) / np.sum((clicked - sound) ** 2))
    assert error_db < -20.0


def test_a_dropout_is_bridged():
    sound = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)[:, None]
    sound = (sound + 1e-3 * resonant(MONO, 1.0) / 0.05).astype(np.float32)
    broken = sound.copy()
    loudest = 8000 + int(np.argmax(np.abs(sound[8000:8040, 0]))) - 5
    broken[loudest : loudest + 10] = 0.0
    out = render(ClickRepairer(MONO), [broken])
    assert np.abs(out - sound).max() < 0.1 * np.abs(broken - sound).max()


def test_all_but_the_click_passes_bit_for_bit():
    sound = resonant(MONO, 1.0)
    clicked = sound.copy()
    clicked[8000:8010] += 0.5
    out = render(ClickRepairer(MONO), [clicked])
    is_far = np.abs(np.arange(16000) - 8005) > 40
    np.testing.assert_array_equal(out[is_far], clicked[is_far])
    assert not np.array_equal(out, clicked)


@pytest.mark.parametrize("pitch_hz", [80.0, 110.0, 220.0, 350.0])
def test_glottal_pulses_are_no_clicks(pitch_hz):
    sound = voiced(MONO, 1.0, pitch_hz)
    np.testing.assert_array_equal(render(ClickRepairer(MONO), [sound]), sound)


def test_an_onset_is_no_click():
    sound = resonant(MONO, 2.0, -20.0)
    sound[:12345] *= 1e-3
    np.testing.assert_array_equal(render(ClickRepairer(MONO), [sound]), sound)


@pytest.mark.parametrize(("behind", "n_clicks"), [(1.0, 1), (3.0, 0)])
def test_a_spike_that_begins_something_louder_is_a_plosive(behind, n_clicks):
    sound = np.random.default_rng(5).standard_normal((16000, 1)).astype(np.float32) * 0.01
    sound[8003:8300] *= behind
    sound[8000:8003] += np.float32([[0.12], [-0.2], [0.12]])
    stage = ClickRepairer(MONO)
    render(stage, [sound])
    assert stage.facts()["n_clicks"] == n_clicks


def test_each_channel_is_repaired_by_itself():
    sound = resonant(StreamFormat(16000, 2), 1.0)
    sound[9000, 1] += 0.5
    out = render(ClickRepairer(StreamFormat(16000, 2)), [sound])
    np.testing.assert_array_equal(out[:, 0], sound[:, 0])
    assert abs(out[9000, 1] - sound[9000, 0]) < 0.05


def test_facts_say_how_much_was_replaced():
    sound = resonant(MONO, 2.0)
    sound[[8000, 16000, 24000]] += 0.7
    stage = ClickRepairer(MONO)
    render(stage, [sound])
    facts = stage.facts()
    assert facts["n_clicks"] == 3
    assert facts["clicks_per_s"] == 1.5
    assert 3 / 32000 <= facts["repaired_share"] < 15 / 32000
    stage.reset()
    assert stage.facts() == {"n_clicks": 0, "clicks_per_s": 0.0, "repaired_share": 0.0}


def test_a_higher_threshold_finds_less():
    sound = resonant(MONO, 1.0)
    sound[8000] += 0.08
    found = []
    for threshold in (4.0, 100.0):
        stage = ClickRepairer(MONO, ClickSettings(threshold=threshold))
        render(stage, [sound])
        found.append(stage.facts()["n_clicks"])
    assert found == [1, 0]


def test_what_lasts_longer_than_a_click_stays():
    sound = resonant(MONO, 1.0)
    sound[8000:8020, 0] += np.random.default_rng(2).choice([-0.5, 0.5], 20)
    out = render(ClickRepairer(MONO, ClickSettings(max_length_ms=0.5)), [sound])
    np.testing.assert_array_equal(out, sound)


def test_no_more_than_32_ms_are_held_back():
    for sample_rate in (8000, 11025, 16000, 44100, 96000):
        assert ClickRepairer(StreamFormat(sample_rate)).latency_samples <= 0.032 * sample_rate


def test_recorded_speech_stays_as_it_is(recordings):
    soundfile = pytest.importorskip("soundfile")
    n_clicks = seconds = 0
    for name in ("libri_2414-128291-0001", "leopard_test_es", "cmu_arctic_us_aew_a0001"):
        speech, rate = soundfile.read(
            recordings / "speech" / f"{name}.flac", dtype="float32", always_2d=True
        )
        stage = ClickRepairer(StreamFormat(rate))
        render(stage, [speech])
        n_clicks += stage.facts()["n_clicks"]
        seconds += len(speech) / rate
    assert n_clicks <= 0.2 * seconds


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"threshold": 1.0}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"max_length_ms": 5.0}, "max_length_ms"),
    ],
)
def test_settings_out_of_range_are_refused(settings, name):
    with pytest.raises(SettingError, match=name):
        ClickSettings(**settings)


def test_rates_beyond_reach_are_refused():
    with pytest.raises(SettingError, match="sample_rate"):
        ClickRepairer(StreamFormat(4000))
