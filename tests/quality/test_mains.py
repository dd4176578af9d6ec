"""Hum: its level, its mains, and no voice taken for it."""

from __future__ import annotations

import numpy as np
import pytest
from hearing import heard

RATE = 16000


def _voice(seconds=8.0, rate=RATE):
    time_s = np.arange(round(seconds * rate)) / rate
    # Where it turns, it must not rest on a line, or its power there counts as the hum's.
    pitch_hz = 125.0 + 18.0 * np.sin(2 * np.pi * 0.6 * time_s)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / rate
    tones = sum(np.sin(n * phase) / n for n in range(1, 20))
    noise = 1e-3 * np.random.default_rng(8).standard_normal(len(time_s))
    return 0.1 * tones * np.clip(np.sin(2 * np.pi * 1.7 * time_s), 0.0, None) + noise


def _hum(mains_hz, level_dbfs, seconds=8.0, rate=RATE):
    time_s = np.arange(round(seconds * rate)) / rate
    parts = ((1, 1.0), (2, 0.4), (3, 0.6), (5, 0.2))
    hum = sum(share * np.sin(2 * np.pi * n * mains_hz * time_s) for n, share in parts)
    return hum * 10.0 ** (level_dbfs / 20.0) / np.sqrt(np.mean(hum**2))


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("mains_hz", [50, 60, 49.8])
@pytest.mark.parametrize("level_dbfs", [-30.0, -50.0])
def test_hum_is_found_with_its_level(rate, mains_hz, level_dbfs):
    report = heard(_voice(rate=rate) + _hum(mains_hz, level_dbfs, rate=rate), rate).hum
    assert report.mains_hz == round(mains_hz)
    assert report.hum_dbfs == pytest.approx(level_dbfs, abs=1.5)
    assert report.hum_db > 15.0


def test_more_hum_stands_out_more():
    soft, loud = (heard(_voice() + _hum(50, level)).hum.hum_db for level in (-60.0, -50.0))
    assert loud - soft == pytest.approx(10.0, abs=2.0)


def test_a_voice_without_hum_has_none():
    report = heard(_voice()).hum
    assert (report.hum_db, report.hum_dbfs, report.mains_hz, report.reason) == (
        0.0,
        None,
        None,
        None,
    )


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("tone_hz", [640.0, 880.0, 941.0, 1050.0, 1940.0])
def test_a_tone_far_above_is_no_hum(rate, tone_hz):
    time_s = np.arange(8 * rate) / rate
    tone = np.sin(2 * np.pi * tone_hz * time_s)
    report = heard(tone + 1e-5 * np.random.default_rng(1).standard_normal(len(tone)), rate).hum
    assert (report.hum_db, report.mains_hz) == (0.0, None)


def test_what_is_too_short_or_silent_says_so():
    assert heard(_voice(1.5)).hum.reason == "shorter than 2 s"
    assert heard(np.zeros(4 * RATE)).hum.reason == "silence"
