"""What the denoiser does to noise, to speech and to nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audiokit.denoise.denoiser import Denoiser, DenoiseSettings
from audiokit.denoise.gain import exponential_integral
from audiokit.denoise.noise_floor import BIAS_DB, NoiseFloor
from audiokit.denoise.profile import NoiseProfileMeter
from audiokit.errors import SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import measure, render, split_at

MONO = StreamFormat(16000)


def white(fmt, seconds, level_dbfs, seed=1):
    shape = (round(seconds * fmt.sample_rate), fmt.channels)
    noise = np.random.default_rng(seed).standard_normal(shape) * 10 ** (level_dbfs / 20)
    return noise.astype(np.float32)


def voice(fmt, seconds, level_dbfs=-20.0):
    """Harmonics that glide, in syllables of 0.2 s and pauses of 0.1 s."""
    time_s = np.arange(round(seconds * fmt.sample_rate)) / fmt.sample_rate
    phase = 2 * np.pi * (150 * time_s + 4 * np.sin(2 * np.pi * 1.3 * time_s))
    tone = sum(np.sin(k * phase) / k for k in range(1, 20))
    tone = tone * np.clip(8 * np.sin(2 * np.pi * time_s / 0.3) + 4, 0, 1)
    tone *= 10 ** (level_dbfs / 20) / np.sqrt(np.mean(tone**2))
    return np.repeat(tone[:, None], fmt.channels, axis=1).astype(np.float32)


def level_db(block):
    return 10 * np.log10(np.mean(np.square(block, dtype=np.float64)))


def si_sdr_db(reference, estimate):
    target = reference * (np.vdot(estimate, reference) / np.vdot(reference, reference))
    return level_db(target) - level_db(estimate - target)


@pytest.fixture(params=["network", "classic"])
def settings(request):
    return DenoiseSettings(engine=request.param)


@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050, 44100, 96000])
def test_noise_alone_falls_nearly_to_the_floor(sample_rate, settings):
    fmt = StreamFormat(sample_rate)
    noise = white(fmt, 3.0, -30.0)
    out = render(Denoiser(fmt, settings), [noise])
    half = len(noise) // 2
    reduction_db = level_db(noise[half:]) - level_db(out[half:])
    floor_db = {"network": -40.0, "classic": -25.0}[settings.engine]
    assert 15.5 < reduction_db < -floor_db + 0.5


def test_speech_in_noise_comes_out_cleaner(settings):
    speech = voice(MONO, 4.0)
    noisy = speech + white(MONO, 4.0, -25.0)
    out = render(Denoiser(MONO, settings), [noisy])
    assert si_sdr_db(speech, out) > si_sdr_db(speech, noisy) + 5.0


@pytest.mark.parametrize("sample_rate", [8000, 44100, 48000])
def test_a_voice_in_noise_comes_out_cleaner_at_other_rates(sample_rate, settings):
    fmt = StreamFormat(sample_rate)
    speech = voice(fmt, 3.0)
    noisy = speech + white(fmt, 3.0, -25.0)
    out = render(Denoiser(fmt, settings), [noisy])
    assert si_sdr_db(speech, out) > si_sdr_db(speech, noisy) + 3.0


def test_clean_speech_stays_as_it_is(settings):
    speech = voice(MONO, 3.0)
    clean = speech + white(MONO, 3.0, -70.0)
    out = render(Denoiser(MONO, settings), [clean])
    # In the first second it finds out how clean it is.
    assert si_sdr_db(clean[16000:], out[16000:]) > 20.0


def test_a_voice_that_begins_at_the_first_sample_is_not_taken_for_noise(settings):
    speech = voice(MONO, 2.0) + white(MONO, 2.0, -60.0)
    out = render(Denoiser(MONO, settings), [speech])
    first = slice(0, 3200)
    assert level_db(speech[first]) - level_db(out[first]) < 3.0


def test_noise_after_digital_silence_is_found_at_once(settings):
    noise = np.concatenate([MONO.silence(16000), white(MONO, 2.0, -30.0)])
    out = render(Denoiser(MONO, settings), [noise])
    assert not out[: 16000 - 512].any()
    assert level_db(out[24000:]) < -45.0


def test_noise_that_grows_by_10_db_is_followed(settings):
    noise = np.concatenate([white(MONO, 2.0, -40.0), white(MONO, 4.0, -30.0, seed=2)])
    out = render(Denoiser(MONO, settings), [noise])
    assert level_db(out[-16000:]) < -44.0


def test_channels_do_not_touch_each_other(settings):
    stereo = StreamFormat(16000, 2)
    left, right = voice(MONO, 1.5) + white(MONO, 1.5, -30.0), white(MONO, 1.5, -40.0, seed=3)
    right[:8000] = 0.0
    both = render(Denoiser(stereo, settings), [np.concatenate([left, right], axis=1)])
    # A matrix product of two rows rounds unlike two of one row.
    exact = {"rtol": 0, "atol": 0 if settings.engine == "classic" else 1e-6}
    np.testing.assert_allclose(both[:, :1], render(Denoiser(MONO, settings), [left]), **exact)
    np.testing.assert_allclose(both[:, 1:], render(Denoiser(MONO, settings), [right]), **exact)


def test_turned_polarity_and_level_change_nothing_else(settings):
    noisy = voice(MONO, 1.5) + white(MONO, 1.5, -30.0)
    out = render(Denoiser(MONO, settings), [noisy])
    np.testing.assert_array_equal(render(Denoiser(MONO, settings), [-noisy]), -out)
    softer = render(Denoiser(MONO, settings), [noisy * np.float32(0.25)])
    assert si_sdr_db(out, softer) > 25.0


def test_strength_scales_the_reduction_in_db(settings):
    noise = white(MONO, 3.0, -30.0)
    whole = Denoiser(MONO, settings)
    half = Denoiser(MONO, replace(settings, strength=0.5))
    render(whole, [noise])
    render(half, [noise])
    reductions_db = [stage.facts()["mean_reduction_db"] for stage in (whole, half)]
    assert reductions_db[1] == pytest.approx(reductions_db[0] / 2, abs=0.02)


def test_no_strength_changes_nothing(settings):
    noise = white(MONO, 1.0, -20.0)
    stage = Denoiser(MONO, replace(settings, strength=0.0))
    np.testing.assert_allclose(render(stage, [noise]), noise, rtol=0, atol=4e-7)
    # Not -0.0, which a page would show.
    assert str(stage.facts()["mean_reduction_db"]) == "0.0"


def test_facts_name_the_noise_that_was_there_whatever_the_cutting(settings):
    noise = white(MONO, 4.0, -40.0)
    whole, cut = Denoiser(MONO, settings), Denoiser(MONO, settings)
    render(whole, [noise])
    render(cut, split_at(noise, range(0, len(noise), 777)))
    assert whole.facts() == cut.facts()
    assert whole.facts()["noise_floor_dbfs"] == pytest.approx(-40.0, abs=0.7)


def test_facts_of_silence_name_no_noise(settings):
    stage = Denoiser(MONO, settings)
    render(stage, [MONO.silence(4000)])
    assert stage.facts() == {"mean_reduction_db": 0.0, "noise_floor_dbfs": None}


def test_neither_engine_is_later_than_32_ms(settings):
    for sample_rate in (8000, 11025, 16000, 44100, 48000, 96000):
        stage = Denoiser(StreamFormat(sample_rate), settings)
        assert stage.latency_samples < 0.032 * sample_rate


def test_a_longer_window_is_a_setting_of_both(settings):
    speech = voice(MONO, 3.0)
    noisy = speech + white(MONO, 3.0, -25.0)
    stage = Denoiser(MONO, replace(settings, window_ms=48.0))
    assert stage.latency_samples == 767
    assert si_sdr_db(speech, render(stage, [noisy])) > si_sdr_db(speech, noisy) + 3.0


def test_a_profile_tells_the_noise_from_the_first_sample_on(settings):
    """In 100 ms; the network, which hears whether it goes on, is sure a little later."""
    profile = measure(NoiseProfileMeter(MONO), [white(MONO, 3.0, -30.0)]).levels_db
    noise = white(MONO, 1.0, -30.0, seed=5)
    told = replace(settings, profile_db=profile, noise="stationary")
    first = render(Denoiser(MONO, told), [noise])[:1600]
    assert level_db(first) < -30.0 - {"network": 12.0, "classic": 15.0}[settings.engine]


@pytest.mark.parametrize("noise", ["moving", "stationary"])
@pytest.mark.parametrize("profile_rate", [16000, 8000])
def test_a_voice_gains_by_a_profile_even_if_it_ends_at_4_khz(settings, noise, profile_rate):
    speech = voice(MONO, 4.0)
    noisy = speech + white(MONO, 4.0, -25.0)
    # White noise of the same density holds half the power in half the band.
    fmt, level_db = StreamFormat(profile_rate), -25.0 + 10 * np.log10(profile_rate / 16000)
    profile = measure(NoiseProfileMeter(fmt), [white(fmt, 3.0, level_db, seed=9)]).levels_db
    told = replace(settings, profile_db=profile, noise=noise)
    with_it, without = (render(Denoiser(MONO, way), [noisy]) for way in (told, settings))
    assert not np.array_equal(with_it, without)
    gain_db = si_sdr_db(speech, with_it) - si_sdr_db(speech, noisy)
    # Beyond 4 kHz the classic engine believes that there is no noise.
    is_left_alone = settings.engine == "classic" and profile_rate == 8000
    untold_gain_db = si_sdr_db(speech, without) - si_sdr_db(speech, noisy)
    assert gain_db > (1.0 if is_left_alone else untold_gain_db - 0.2)


def test_stationary_noise_that_must_be_learnt_is_followed_slowly():
    steady = DenoiseSettings(engine="classic", noise="stationary")
    noise = np.concatenate([white(MONO, 2.0, -40.0), white(MONO, 0.5, -32.0, seed=2)])
    moving, stationary = (
        level_db(render(Denoiser(MONO, way), [noise])[-3200:])
        for way in (replace(steady, noise="moving"), steady)
    )
    assert stationary > moving + 1.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"strength": 1.1}, "strength is 1.1, expected 0 to 1"),
        ({"floor_db": 3.0}, "floor_db is 3.0, expected -60 to 0 dB"),
        ({"window_ms": 20.0}, "window_ms is 20.0, expected 32 or 48 ms for the network"),
        ({"window_ms": 100.0, "engine": "classic"}, "window_ms is 100.0, expected 8 to 64 ms"),
        ({"engine": "other"}, "engine is 'other', expected network or classic"),
        ({"noise": "loud"}, "noise is 'loud', expected moving or stationary"),
        ({"noise": "stationary"}, "noise is 'stationary', expected moving, or a profile"),
        ({"profile_db": (1.0, 2.0)}, "profile_db is '2 levels', expected 100, or none"),
    ],
)
def test_settings_out_of_range_are_refused(values, message):
    with pytest.raises(SettingError, match=message):
        DenoiseSettings(**values)


def test_a_rate_outside_8_to_96_khz_is_refused():
    with pytest.raises(SettingError, match="8000 to 96000 Hz"):
        Denoiser(StreamFormat(4000))


@pytest.mark.parametrize(
    ("value", "expected"),
    # Abramowitz & Stegun, tables 5.1 and 5.2.
    [(0.01, 4.037929577), (0.5, 0.559773595), (1.0, 0.219383934), (2.0, 0.048900511)],
)
def test_the_exponential_integral_has_its_published_values(value, expected):
    assert exponential_integral(np.array([value]))[0] == pytest.approx(expected, rel=2e-8)


def test_the_noise_floor_of_white_noise_is_its_power_less_the_bias():
    rng = np.random.default_rng(4)
    power = rng.exponential(1.0, (600, 1, 257)).astype(np.float32)
    floor = NoiseFloor(1, 257, hop_ms=16.0, bin_hz=31.25, silence=1e-10)
    found_db = 10 * np.log10(floor.track(power, np.full((600, 1), True))[100:].mean())
    assert found_db == pytest.approx(BIAS_DB, abs=0.3)
