"""Microphones, rooms, bands and codecs for training: no mark may tell speech from noise."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.training.corpus import SAMPLE_RATE
from audiokit.training.recorded import (
    FASTEST,
    as_recorded,
    band_limited,
    coded,
    other_speed,
    with_new_high_band,
)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def tone(frequency_hz, n_samples=SAMPLE_RATE):
    return np.sin(np.arange(n_samples) * (2 * np.pi * frequency_hz / SAMPLE_RATE)).astype(
        np.float32
    )


def level_db(samples):
    return 10 * np.log10(np.mean(np.square(samples, dtype=float)) + 1e-20)


def band_db(samples, low_hz, high_hz):
    power = np.square(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))))
    frequency_hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    return 10 * np.log10(power[(frequency_hz >= low_hz) & (frequency_hz < high_hz)].sum() + 1e-20)


@pytest.mark.parametrize("seed", range(8))
def test_another_speed_leaves_a_tone_a_tone(seed):
    # A resampler that interpolates in straight lines mirrors 6 kHz at some -10 dB: a mark that
    # a network takes for speech.
    changed = other_speed(np.random.default_rng(seed), tone(6000.0))[2000:-2000]
    spectrum = np.abs(np.fft.rfft(changed * np.blackman(len(changed))))
    peak = int(np.argmax(spectrum))
    beside = np.concatenate([spectrum[: peak - 50], spectrum[peak + 50 :]])
    assert 20 * np.log10(beside.max() / spectrum[peak]) < -60


def test_speeds_stay_within_what_is_said():
    lengths = [len(other_speed(np.random.default_rng(seed), tone(500.0))) for seed in range(40)]
    assert SAMPLE_RATE / FASTEST - 1 <= min(lengths) < max(lengths) <= SAMPLE_RATE * FASTEST + 1


def test_a_new_high_band_keeps_the_envelope_and_what_lies_below(rng):
    noise = rng.standard_normal(2 * SAMPLE_RATE).astype(np.float32)
    noise[: SAMPLE_RATE // 2] *= 0.01
    made = with_new_high_band(rng, noise, from_hz=(1000.0, 5000.0))
    assert len(made) == len(noise)
    assert band_db(made - noise, 0.0, 900.0) < band_db(noise, 0.0, 900.0) - 60
    for part in (slice(0, SAMPLE_RATE // 3), slice(SAMPLE_RATE, 2 * SAMPLE_RATE)):
        before, after = (band_db(samples[part], 5200.0, 7800.0) for samples in (noise, made))
        # Frames that overlap no longer agree: half the power.
        assert after == pytest.approx(before - 3.0, abs=1.0)
    assert band_db(made - noise, 5200.0, 7800.0) > band_db(noise, 5200.0, 7800.0)


def test_a_voice_without_its_harmonics_is_hoarse(rng):
    time_s = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * 150 * k * time_s) / k for k in range(1, 20)).astype(np.float32)
    hoarse = with_new_high_band(rng, voice, from_hz=(50.0, 60.0))
    spectra = [np.abs(np.fft.rfft(sound[:SAMPLE_RATE])) for sound in (voice, hoarse)]
    on, between = (np.array([150, 300, 450]) + shift for shift in (0, 75))
    ratios = [spectrum[on].sum() / spectrum[between].sum() for spectrum in spectra]
    assert ratios[0] > 100 * ratios[1]
    assert band_db(hoarse, 100.0, 3000.0) == pytest.approx(band_db(voice, 100.0, 3000.0), abs=6.0)


def test_nothing_is_left_above_the_limit(rng):
    limited = band_limited(rng.standard_normal(SAMPLE_RATE).astype(np.float32), 3400.0)
    assert band_db(limited, 3600.0, 8000.0) < band_db(limited, 0.0, 3400.0) - 50


@pytest.mark.parametrize("seed", range(12))
def test_a_codec_keeps_length_and_level(seed):
    rng = np.random.default_rng(seed)
    sound = 0.5 * tone(1000.0, 3 * SAMPLE_RATE)
    heard = coded(rng, sound)
    assert heard.shape == sound.shape
    middle = slice(SAMPLE_RATE, 2 * SAMPLE_RATE)
    assert level_db(heard[middle]) == pytest.approx(level_db(sound[middle]), abs=1.5)


def test_what_is_recorded_is_as_long_and_finite(rng):
    sound = rng.standard_normal(20000).astype(np.float32) * 0.1
    outs = [as_recorded(rng, sound, colour_db=5.0, often=1.0) for _ in range(40)]
    assert all(out.shape == sound.shape and np.isfinite(out).all() for out in outs)
    # Some 70 % in all go through something.
    same = sum(np.array_equal(out, sound) for out in outs)
    assert 0 < same < 20
