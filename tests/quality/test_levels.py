"""Levels, noise floor, peaks and channels: closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hearing import heard

RATE = 16000


def _talk(seconds=10.0, on_s=0.6, off_s=0.4):
    """Return noise at -20 dBFS that comes and goes, without anything between."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(2).standard_normal(len(time_s))
    return 0.1 * noise * (time_s % (on_s + off_s) < on_s)


@pytest.mark.parametrize("floor_dbfs", [-70.0, -55.0, -40.0])
def test_the_noise_floor_is_the_level_in_the_pauses(floor_dbfs):
    noise = np.random.default_rng(7).standard_normal(10 * RATE) * 10.0 ** (floor_dbfs / 20.0)
    report = heard(_talk() + noise).levels
    # White noise below 80 Hz is left out: 0.04 dB.
    assert report.noise_floor_dbfs == pytest.approx(floor_dbfs, abs=0.6)
    assert report.noise_floor_low_dbfs < floor_dbfs < report.noise_floor_high_dbfs
    assert report.noise_floor_reason is None
    assert report.active_dbfs == pytest.approx(-20.0, abs=1.0)
    assert report.silence_ratio == pytest.approx(0.4, abs=0.05)
    assert report.dynamic_range_db == pytest.approx(-20.0 - floor_dbfs, abs=2.0)


def test_steady_noise_has_no_pauses_and_says_so():
    noise = 0.1 * np.random.default_rng(7).standard_normal(5 * RATE)
    assert heard(noise).levels.noise_floor_reason.startswith("no pauses")


def test_an_offset_is_no_level():
    with_offset = heard(_talk() + 0.3)
    assert with_offset.peaks.dc_offset == pytest.approx(0.3, abs=1e-3)
    assert with_offset.peaks.dc_offset_dbfs == pytest.approx(-10.46, abs=0.05)
    assert with_offset.levels.active_dbfs == pytest.approx(
        heard(_talk()).levels.active_dbfs, abs=0.3
    )
    assert with_offset.channels.levels_dbfs == pytest.approx(
        heard(_talk()).channels.levels_dbfs, abs=0.1
    )


def test_silence_has_no_levels_and_says_so():
    report = heard(np.zeros(RATE)).levels
    assert (report.reason, report.silence_ratio, report.active_dbfs) == (
        "digital silence",
        1.0,
        None,
    )


def test_headroom_is_what_the_highest_sample_leaves():
    sine = 0.25 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    report = heard(sine).peaks
    assert report.peak_dbfs == pytest.approx(-12.04, abs=0.01)
    assert report.headroom_db == -report.peak_dbfs
    assert heard(8.0 * sine).peaks.headroom_db == pytest.approx(-6.02, abs=0.01)


def test_a_dead_channel_is_named():
    talk = _talk()
    hiss = 1e-5 * np.random.default_rng(5).standard_normal(len(talk))
    for dead in (np.zeros_like(talk), hiss, np.full_like(talk, 0.2)):
        assert heard(np.stack([talk, dead], axis=1)).channels.dead == (2,)
    assert heard(np.stack([talk, 0.05 * talk], axis=1)).channels.dead == ()


def test_channels_against_each_other_and_twins_are_named():
    talk = _talk()
    other = np.random.default_rng(9).standard_normal(len(talk)) * 0.1
    opposed = heard(np.stack([talk, -0.5 * talk, other], axis=1)).channels
    assert opposed.opposed == ((1, 2),)
    assert opposed.lowest_correlation == pytest.approx(-1.0, abs=1e-3)
    twins = heard(np.stack([other, talk, talk], axis=1)).channels
    assert (twins.identical, twins.opposed) == (((2, 3),), ())


def test_opposed_channels_with_an_offset_are_still_opposed():
    talk = _talk()
    assert heard(np.stack([talk + 0.3, 0.3 - talk], axis=1)).channels.opposed == ((1, 2),)
