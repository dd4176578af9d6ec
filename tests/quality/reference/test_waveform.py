"""Ratios between a reference and what was added, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.quality.reference.spectral_distance import log_spectral_distance_db
from audiokit.quality.reference.waveform import (
    best_gain,
    segmental_snr_db,
    si_sdr_db,
    snr_db,
)

RATE = 16000


def sine(frequency_hz, seconds=1.0):
    """A whole number of periods: orthogonal to any other such sine."""
    time = np.arange(round(seconds * RATE)) / RATE
    return np.sin(2 * np.pi * frequency_hz * time).astype(np.float32)


@pytest.mark.parametrize("ratio_db", [-20.0, 0.0, 17.5, 60.0])
def test_orthogonal_noise_of_known_power_gives_its_ratio(ratio_db):
    mix = sine(400) + np.float32(10 ** (-ratio_db / 20)) * sine(900)
    assert si_sdr_db(sine(400), mix) == pytest.approx(ratio_db, abs=1e-3)
    assert snr_db(sine(400), mix) == pytest.approx(ratio_db, abs=1e-3)


@given(gain=st.floats(0.01, 100.0), sign=st.sampled_from([-1.0, 1.0]))
def test_si_sdr_knows_no_level_and_no_polarity(gain, sign):
    mix = sine(400) + 0.1 * sine(900)
    other = np.float32(sign * gain) * mix
    assert si_sdr_db(sine(400), other) == pytest.approx(20.0, abs=1e-2)
    assert best_gain(sine(400), other) == pytest.approx(sign * gain, rel=1e-4)


def test_snr_counts_another_level_as_noise():
    # A copy at half the level leaves half as the difference: 6.02 dB.
    assert snr_db(sine(400), 0.5 * sine(400)) == pytest.approx(6.0206, abs=1e-3)
    assert si_sdr_db(sine(400), 0.5 * sine(400)) == 100.0


def test_offset_is_no_distortion_to_si_sdr():
    assert si_sdr_db(sine(400), sine(400) + np.float32(0.25)) > 90.0


def test_same_recording_gives_the_highest_values_of_all():
    assert si_sdr_db(sine(400), sine(400)) == snr_db(sine(400), sine(400)) == 100.0
    assert segmental_snr_db(sine(400), sine(400), RATE) == 35.0
    assert log_spectral_distance_db(sine(400), sine(400), RATE) == 0.0


def test_segmental_snr_is_the_ratio_of_each_frame_held_at_its_ends():
    rng = np.random.default_rng(0)
    clean = rng.standard_normal(RATE).astype(np.float32)
    # White noise 12 dB below white noise is 12 dB below in nearly every frame.
    noise = rng.standard_normal(RATE).astype(np.float32) * np.float32(10 ** (-12 / 20))
    assert segmental_snr_db(clean, clean + noise, RATE) == pytest.approx(12.0, abs=0.2)
    assert segmental_snr_db(clean, clean + 1e4 * noise, RATE) == -10.0
    half = np.where(np.arange(RATE) < RATE // 2, noise, 0).astype(np.float32)
    assert segmental_snr_db(clean, clean + half, RATE) == pytest.approx((12 + 35) / 2, abs=0.5)


def test_log_spectral_distance_of_a_gain_is_that_gain():
    rng = np.random.default_rng(0)
    clean = rng.standard_normal(RATE).astype(np.float32)
    louder = np.float32(10 ** (4 / 20)) * clean
    assert log_spectral_distance_db(clean, louder, RATE) == pytest.approx(4.0, abs=1e-3)


def test_less_than_a_frame_has_no_frame_measures():
    assert segmental_snr_db(sine(400)[:300], sine(400)[:300], RATE) is None
    assert log_spectral_distance_db(sine(400)[:300], sine(400)[:300], RATE) is None
