"""Distortion: closed forms for tones, and nothing for what is none."""

from __future__ import annotations

import numpy as np
import pytest
from hearing import heard

RATE = 16000


def _tone(frequency_hz, harmonics=(), rate=RATE, seconds=3.0):
    time_s = np.arange(round(seconds * rate)) / rate
    parts = [np.sin(2 * np.pi * frequency_hz * time_s)]
    parts += [share * np.sin(2 * np.pi * n * frequency_hz * time_s) for n, share in harmonics]
    return 0.5 * sum(parts)


@pytest.mark.parametrize("rate", [16000, 48000])
@pytest.mark.parametrize("frequency_hz", [437.0, 997.0, 1500.0])
def test_distortion_is_that_of_the_harmonics(rate, frequency_hz):
    report = heard(_tone(frequency_hz, ((2, 0.03), (3, 0.04)), rate), rate).tone
    assert report.frequency_hz == pytest.approx(frequency_hz, rel=2e-3)
    assert report.thd_percent == pytest.approx(5.0, rel=0.02)
    assert report.thd_db == pytest.approx(-26.02, abs=0.2)


def test_a_pure_tone_has_hardly_any():
    assert heard(_tone(1500.0)).tone.thd_db < -80.0


def test_a_square_wave_has_that_of_its_series():
    # Odd harmonics up to the ninth: sqrt(1/9 + 1/25 + 1/49 + 1/81).
    series = [(n, 1.0 / n) for n in (3, 5, 7, 9)]
    report = heard(_tone(700.0, series)).tone
    assert report.thd_percent == pytest.approx(42.9, abs=0.3)


def test_what_is_no_steady_tone_says_why():
    rng = np.random.default_rng(3)
    time_s = np.arange(3 * RATE) / RATE
    glide = 0.5 * np.sin(2 * np.pi * (500.0 * time_s + 100.0 * time_s**2))
    gated = _tone(1000.0) * (time_s % 0.5 < 0.3)
    noisy = _tone(1000.0) + 0.5 * rng.standard_normal(3 * RATE)
    for samples in (glide, gated, noisy, rng.standard_normal(3 * RATE) * 0.1, np.zeros(RATE)):
        report = heard(samples).tone
        assert report.thd_db is None
        assert report.reason.startswith("no steady tone")


def test_a_tone_whose_harmonics_lie_above_the_band_has_no_distortion():
    report = heard(_tone(6000.0)).tone
    assert (report.thd_db, report.reason) == (None, "no harmonic below half the sample rate")
