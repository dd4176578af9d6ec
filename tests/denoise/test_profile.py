"""Noise profiles: heard right, the same at any rate, and the noise of a recording alone."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.denoise.profile import (
    CENTRES_HZ,
    LOWEST_DB,
    N_POINTS,
    NoiseProfile,
    NoiseProfileMeter,
    check_profile,
    noise_power,
)
from audiokit.errors import SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import measure, speechlike, split_at

FMT = StreamFormat(16000, 1)


def white(fmt, seconds, power, seed=1):
    noise = np.random.default_rng(seed).standard_normal(
        (round(seconds * fmt.sample_rate), fmt.channels)
    )
    return (noise * np.sqrt(power)).astype(np.float32)


@pytest.mark.parametrize("fmt", [FMT, StreamFormat(44100, 2), StreamFormat(8000, 1)])
def test_white_noise_has_the_density_of_its_power_at_every_point(fmt):
    levels = np.array(measure(NoiseProfileMeter(fmt), [white(fmt, 20.0, 1e-4)]).levels_db)
    known = np.array(CENTRES_HZ) < fmt.sample_rate / 2
    beyond = np.array(CENTRES_HZ) > fmt.sample_rate / 2 * 1.06
    expected_db = 10 * np.log10(1e-4 / (fmt.sample_rate / 2))
    # The lowest points are narrower than a bin and hold few independent values.
    np.testing.assert_allclose(levels[known], expected_db, atol=1.5)
    assert np.mean(levels[known]) == pytest.approx(expected_db, abs=0.15)
    np.testing.assert_array_equal(levels[beyond], LOWEST_DB)


@pytest.mark.parametrize(("window", "rate"), [(512, 16000), (1536, 48000), (256, 8000)])
def test_white_noise_of_power_one_has_half_in_every_bin(window, rate):
    levels = (10 * np.log10(2 / rate),) * N_POINTS
    power = noise_power(levels, window_samples=window, sample_rate=rate)
    assert power.shape == (window // 2 + 1,)
    np.testing.assert_allclose(power, 0.5, rtol=1e-5)


def test_a_profile_gives_back_the_spectrum_it_was_taken_from():
    # A first-order low-pass: its power spectrum is known in closed form.
    noise = white(FMT, 12.0, 1.0)[:, 0]
    coloured = np.zeros_like(noise)
    for n in range(1, len(noise)):
        coloured[n] = 0.9 * coloured[n - 1] + 0.1 * noise[n]
    profile = measure(NoiseProfileMeter(FMT), [coloured[:, None]])
    power = noise_power(profile.levels_db, window_samples=512, sample_rate=16000)
    phase = np.exp(-2j * np.pi * np.arange(257) / 512)
    expected = 0.5 * np.abs(0.1 / (1 - 0.9 * phase)) ** 2
    error_db = 10 * np.log10(power / expected)
    assert np.abs(error_db[2:]).max() < 1.0


def test_nothing_is_taken_where_the_profile_knows_nothing():
    profile = measure(NoiseProfileMeter(StreamFormat(8000)), [white(FMT, 5.0, 1e-3)])
    power = noise_power(profile.levels_db, window_samples=1536, sample_rate=48000)
    bins_hz = np.arange(769) * 48000 / 1536
    assert (power[bins_hz < 3900] > 0).all()
    assert (power[bins_hz > 4300] == 0).all()


def test_the_quietest_tenth_is_the_noise_between_the_words():
    speech, noise = speechlike(FMT, 12.0), white(FMT, 12.0, 1e-6)
    speech[:] *= (np.arange(len(speech)) // 16000 % 3 != 0)[:, None]
    learnt = measure(NoiseProfileMeter(FMT, quietest=0.1), [speech + noise])
    whole = measure(NoiseProfileMeter(FMT), [speech + noise])
    known = np.array(CENTRES_HZ) < 8000
    expected_db = 10 * np.log10(1e-6 / 8000)
    assert np.mean(np.array(learnt.levels_db)[known]) == pytest.approx(expected_db, abs=1.0)
    assert np.mean(np.array(whole.levels_db)[known]) > expected_db + 6
    assert 1.0 < learnt.duration_s < 5.0


def test_digital_silence_is_not_taken_for_the_noise():
    noise = white(FMT, 6.0, 1e-4)
    noise[16000:64000] = 0.0
    profile = measure(NoiseProfileMeter(FMT, quietest=0.1), [noise])
    known = np.array(profile.levels_db)[np.array(CENTRES_HZ) < 8000]
    assert np.mean(known) == pytest.approx(10 * np.log10(1e-4 / 8000), abs=0.7)


@pytest.mark.parametrize("n_samples", [0, 1, 500])
def test_silence_and_next_to_nothing_give_no_profile(n_samples):
    assert measure(NoiseProfileMeter(FMT), [FMT.silence(n_samples)]) == NoiseProfile((), 0.0)


def test_a_fraction_of_a_second_is_enough():
    short = measure(NoiseProfileMeter(FMT), [white(FMT, 0.15, 1e-4)])
    assert len(short.levels_db) == N_POINTS


def test_the_cutting_of_the_stream_changes_nothing():
    stereo = StreamFormat(44100, 2)
    speech = speechlike(stereo, 3.0)
    whole = measure(NoiseProfileMeter(stereo, quietest=0.2), [speech])
    cut = split_at(speech, [1, 2, 999, 44100, 44101, 100_000])
    assert measure(NoiseProfileMeter(stereo, quietest=0.2), cut) == whole


@pytest.mark.parametrize("levels", [(-50.0,) * 7, (float("nan"),) * N_POINTS, (200.0,) * N_POINTS])
def test_what_is_no_profile_is_refused(levels):
    with pytest.raises(SettingError, match="profile_db"):
        check_profile(levels)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1])
def test_a_share_outside_zero_to_one_is_refused(share):
    with pytest.raises(SettingError, match="quietest"):
        NoiseProfileMeter(FMT, quietest=share)
