"""A contour in a few numbers, each against its closed form."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.features.pitch_statistics import pitch_statistics

HOP_S = 0.01


def _of(f0_hz):
    f0_hz = np.asarray(f0_hz, float)
    return pitch_statistics(f0_hz, (f0_hz > 0) * 0.8, hop_s=HOP_S)


def test_a_steady_pitch_has_no_range_no_slope_and_no_variation():
    statistics = _of([0.0] * 25 + [200.0] * 75)
    assert statistics.median_hz == statistics.p05_hz == statistics.p95_hz == 200.0
    assert statistics.range_semitones == statistics.variation_percent == 0.0
    assert statistics.deviation_semitones == pytest.approx(0.0, abs=1e-9)
    assert statistics.slope_semitones_per_s == pytest.approx(0.0, abs=1e-9)
    assert statistics.voiced_share == 0.75
    assert statistics.mean_voicing == pytest.approx(0.6)


def test_an_octave_a_second_is_a_slope_of_twelve_semitones():
    f0_hz = 100.0 * 2.0 ** (np.arange(101) * HOP_S)
    f0_hz[40:60] = 0.0
    statistics = _of(f0_hz)
    assert statistics.slope_semitones_per_s == pytest.approx(12.0)
    assert statistics.range_semitones == pytest.approx(12.0 * 0.9, abs=0.3)


def test_percentiles_are_those_of_voiced_frames_alone():
    statistics = _of([0.0] * 500 + [*range(100, 201)])
    assert statistics.median_hz == pytest.approx(150.0)
    assert statistics.p05_hz == pytest.approx(105.0)
    assert statistics.p95_hz == pytest.approx(195.0)


def test_variation_is_the_mean_change_of_the_period_over_the_mean_period():
    # Periods of 5.00 and 5.05 ms in turn.
    assert _of([200.0, 1000 / 5.05] * 20).variation_percent == pytest.approx(100 * 0.05 / 5.025)


def test_a_leap_of_an_octave_is_no_variation():
    assert _of([100.0] * 10 + [200.0] * 10).variation_percent == 0.0


@pytest.mark.parametrize("n_frames", [0, 5])
def test_without_a_voice_there_is_nothing_to_say(n_frames):
    statistics = asdict(_of([0.0] * n_frames))
    assert statistics.pop("voiced_share") == (0.0 if n_frames else None)
    assert statistics.pop("mean_voicing") == (0.0 if n_frames else None)
    assert set(statistics.values()) == {None}


def test_one_voiced_frame_has_a_median_and_no_slope():
    statistics = _of([0.0, 120.0, 0.0])
    assert statistics.median_hz == 120.0
    assert statistics.slope_semitones_per_s is None
    assert statistics.variation_percent is None


@pytest.mark.parametrize(
    ("f0_hz", "voicing", "hop_s", "message"),
    [
        ([100.0, 100.0], [1.0], HOP_S, "two arrays"),
        ([np.nan], [1.0], HOP_S, "f0_hz"),
        ([-1.0], [1.0], HOP_S, "0 Hz or more"),
        ([100.0], [1.0], 0.0, "hop_s is 0.0"),
    ],
)
def test_what_is_no_contour_is_refused(f0_hz, voicing, hop_s, message):
    with pytest.raises(SettingError, match=message):
        pitch_statistics(f0_hz, voicing, hop_s=hop_s)
