"""What the wind reducer does to wind, to a voice and to other noises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiokit.denoise.wind import WindReducer, WindSettings
from audiokit.errors import SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import render, split_at

MONO = StreamFormat(16000)
SAMPLES = Path(__file__).parents[2] / "samples"


def shaped(fmt, seconds, response, level_dbfs, seed):
    """Noise with a power response over frequency in Hz."""
    n_samples = round(seconds * fmt.sample_rate)
    white = np.random.default_rng(seed).standard_normal(n_samples)
    frequency_hz = np.fft.rfftfreq(n_samples, 1.0 / fmt.sample_rate)
    noise = np.fft.irfft(np.fft.rfft(white) * np.sqrt(response(frequency_hz)), n_samples)
    noise *= 10 ** (level_dbfs / 20) / np.sqrt(np.mean(noise**2))
    return np.repeat(noise[:, None], fmt.channels, axis=1).astype(np.float32)


def wind(fmt, seconds, level_dbfs=-20.0, seed=5):
    """Gusts of a second; flat to 150 Hz, 12 dB less per octave above."""
    calm = shaped(fmt, seconds, lambda hz: 1 / (1 + (hz / 150) ** 4) * (hz > 15), 0.0, seed)
    time_s = np.arange(len(calm)) / fmt.sample_rate
    gusty = calm * 10 ** (5 * np.sin(2 * np.pi * 0.7 * time_s) / 20)[:, None]
    gusty *= 10 ** (level_dbfs / 20) / np.sqrt(np.mean(gusty**2))
    return gusty.astype(np.float32)


def voice(fmt, seconds, pitch_hz=130.0, level_dbfs=-20.0):
    """Harmonics that glide, in syllables of 0.2 s and pauses of 0.1 s."""
    time_s = np.arange(round(seconds * fmt.sample_rate)) / fmt.sample_rate
    phase = 2 * np.pi * (pitch_hz * time_s + 2 * np.sin(2 * np.pi * 1.3 * time_s))
    tone = sum(np.sin(k * phase) / np.sqrt(k) for k in range(1, 20))
    tone = tone * np.clip(8 * np.sin(2 * np.pi * time_s / 0.3) + 4, 0, 1)
    tone *= 10 ** (level_dbfs / 20) / np.sqrt(np.mean(tone**2))
    return np.repeat(tone[:, None], fmt.channels, axis=1).astype(np.float32)


def level_db(block):
    return 10 * np.log10(np.mean(np.square(block, dtype=np.float64)) + 1e-20)


def si_sdr_db(reference, estimate):
    target = reference * (np.vdot(estimate, reference) / np.vdot(reference, reference))
    return level_db(target) - level_db(estimate - target)


@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100, 96000])
def test_wind_alone_falls(sample_rate):
    fmt = StreamFormat(sample_rate)
    gusts = wind(fmt, 4.0)
    stage = WindReducer(fmt)
    out = render(stage, [gusts])
    half = len(gusts) // 2
    assert level_db(gusts[half:]) - level_db(out[half:]) > 8.0
    assert stage.facts()["wind_share"] > 0.7


def test_a_voice_in_wind_comes_out_cleaner():
    # Synthetic words: the network knows voices, not tones.
    samples, sample_rate = soundfile.read(SAMPLES / "clean_en.wav", dtype="float32")
    assert sample_rate == MONO.sample_rate
    speech = samples[: 6 * sample_rate, np.newaxis]
    speech = speech * np.float32(0.1 / np.sqrt(np.mean(np.square(speech))))
    noisy = speech + wind(MONO, len(speech) / sample_rate)
    out = render(WindReducer(MONO), [noisy])
    assert si_sdr_db(speech, out) > si_sdr_db(speech, noisy) + 1.0


@pytest.mark.parametrize("pitch_hz", [90.0, 130.0, 220.0])
def test_a_voice_without_wind_comes_out_as_it_is(pitch_hz):
    speech = voice(MONO, 4.0, pitch_hz)
    stage = WindReducer(MONO)
    out = render(stage, [speech])
    np.testing.assert_allclose(out, speech, rtol=0, atol=1e-6)
    assert stage.facts() == {"wind_share": 0.0, "reduction_db": 0.0}


@pytest.mark.parametrize(
    "response",
    [np.ones_like, lambda hz: np.exp(-np.square((hz - 600) / 400))],
    ids=["white", "babble-like"],
)
def test_other_noise_comes_out_as_it_is(response):
    noisy = voice(MONO, 4.0) + shaped(MONO, 4.0, response, -25.0, seed=2)
    np.testing.assert_allclose(render(WindReducer(MONO), [noisy]), noisy, rtol=0, atol=1e-6)


def test_hum_is_no_wind():
    time_s = np.arange(4 * 16000) / 16000
    hum = (0.1 * np.sin(2 * np.pi * 50.0 * time_s)).astype(np.float32)[:, None]
    stage = WindReducer(MONO)
    render(stage, [hum])
    assert stage.facts()["wind_share"] == 0.0


def test_when_the_wind_drops_the_voice_is_let_be_again():
    calm = voice(MONO, 16.0)
    noisy = calm.copy()
    noisy[:32000] += wind(MONO, 2.0)
    out = render(WindReducer(MONO), [noisy])
    np.testing.assert_allclose(out[-32000:], calm[-32000:], rtol=0, atol=1e-6)


def test_channels_do_not_touch_each_other():
    gusts, speech = wind(MONO, 2.0), voice(MONO, 2.0)
    both = render(WindReducer(StreamFormat(16000, 2)), [np.concatenate([gusts, speech], axis=1)])
    # A matrix product of two rows rounds unlike two of one row.
    np.testing.assert_allclose(both[:, :1], render(WindReducer(MONO), [gusts]), rtol=0, atol=1e-6)
    np.testing.assert_allclose(both[:, 1:], speech, rtol=0, atol=1e-6)


def test_no_strength_changes_nothing():
    gusts = wind(MONO, 2.0)
    out = render(WindReducer(MONO, WindSettings(strength=0.0)), [gusts])
    np.testing.assert_allclose(out, gusts, rtol=0, atol=1e-6)


def test_facts_do_not_depend_on_the_cutting():
    noisy = wind(MONO, 2.0) + voice(MONO, 2.0)
    whole, cut = WindReducer(MONO), WindReducer(MONO)
    out = render(whole, [noisy])
    np.testing.assert_array_equal(render(cut, split_at(noisy, range(0, len(noisy), 777))), out)
    assert whole.facts() == cut.facts()
    assert whole.facts()["reduction_db"] > 0.5


def test_the_latency_is_below_32_ms():
    for sample_rate in (8000, 11025, 16000, 44100, 48000, 96000):
        assert WindReducer(StreamFormat(sample_rate)).latency_samples < 0.032 * sample_rate


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strength": 1.1}, "strength is 1.1, expected 0 to 1"),
        ({"floor_db": 3.0}, "floor_db is 3.0, expected -40 to 0 dB"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        WindSettings(**settings)


def test_a_rate_outside_8_to_96_khz_is_refused():
    with pytest.raises(SettingError, match="8000 to 96000 Hz"):
        WindReducer(StreamFormat(4000))
