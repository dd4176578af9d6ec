"""Clipping: found at any level, and nothing but clipping."""

from __future__ import annotations

import numpy as np
import pytest
from hearing import heard

RATE = 16000


def _voice(seconds=10.0, rate=RATE):
    """Return voiced sound at 16 bits, 0.9 at its highest, whose crests differ."""
    time_s = np.arange(round(seconds * rate)) / rate
    pitch_hz = 120.0 + 25.0 * np.sin(2 * np.pi * 0.7 * time_s)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / rate
    tones = sum(np.sin(n * phase + n * n) / n for n in range(1, 25))
    sound = tones * (0.5 + 0.5 * np.sin(2 * np.pi * 2.3 * time_s))
    return _rounded(0.9 * sound / np.abs(sound).max())


def _rounded(samples):
    return np.round(samples * 32768.0).clip(-32768, 32767) / 32768.0


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
@pytest.mark.parametrize(
    ("share", "gain"),
    [(1e-4, 1.0), (1e-4, 0.3), (1e-3, 1.0), (1e-3, 0.03), (0.1, 0.5), (0.1, 0.01)],
)
def test_share_of_clipped_samples_is_found_at_any_level(rate, share, gain):
    voice = _voice(rate=rate)
    limit = np.quantile(np.abs(voice), 1.0 - share)
    clipped = np.clip(voice, -limit, limit)
    true = np.mean(np.abs(clipped) >= limit - 1e-9)
    assert heard(_rounded(clipped / limit * gain), rate).clipping.ratio == pytest.approx(
        true, rel=0.5
    )


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
@pytest.mark.parametrize("peak", [0.03, 0.5, 1.0])
def test_loud_voice_that_touches_full_scale_is_not_clipped(rate, peak):
    assert heard(_rounded(_voice(rate=rate) / 0.9 * peak), rate).clipping.n_samples == 0


def test_eight_bits_are_not_taken_for_clipping():
    assert heard(np.round(_voice() * 127.0) / 128.0).clipping.n_samples == 0


def test_each_channel_counts_and_the_longest_top_is_known():
    voice = _voice()
    top = np.flatnonzero(voice > 0.5)[0]
    flat = voice.copy()
    flat[top : top + 30] = 0.95
    report = heard(np.stack([voice, flat], axis=1)).clipping
    assert (report.n_runs, report.n_samples, report.longest_run_samples) == (1, 30, 30)
    assert report.ratio == pytest.approx(30 / voice.size / 2)


def test_a_square_wave_is_clipped_throughout():
    square = np.where(np.arange(RATE) // 40 % 2 == 0, 1.0, -1.0)
    assert heard(square).clipping.ratio == pytest.approx(1.0, abs=0.01)


def test_talkers_that_were_never_clipped_are_not(recordings):
    soundfile = pytest.importorskip("soundfile")
    for path in sorted((recordings / "speech").glob("libri_*.flac")):
        samples, rate = soundfile.read(path)
        assert heard(samples, rate).clipping.ratio < 1e-4, path.name
