"""Pitch and level of signals whose pitch and level are known."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.stage import StreamFormat
from audiokit.testing import analyze, split_at
from audiokit.vad.prosody import ProsodyTrack


def buzz(sample_rate, pitch_hz, seconds=0.5):
    time_s = np.arange(int(seconds * sample_rate)) / sample_rate
    harmonics = range(1, int(min(3500.0, sample_rate / 2 - 1) / pitch_hz))
    tones = sum(np.sin(2 * np.pi * pitch_hz * k * time_s + k) / k for k in harmonics)
    return (0.1 * tones[:, np.newaxis]).astype(np.float32)


@pytest.mark.parametrize("sample_rate", [8000, 11025, 16000, 48000])
@pytest.mark.parametrize("pitch_hz", [75.0, 123.4, 220.0, 390.0])
def test_the_pitch_of_a_buzz_is_within_a_twentieth_of_a_semitone(sample_rate, pitch_hz):
    track = analyze(ProsodyTrack(StreamFormat(sample_rate)), [buzz(sample_rate, pitch_hz)])
    assert track.shape == (50, 2)
    inner = track[4:-4, 0]
    np.testing.assert_allclose(12.0 * np.log2(inner / pitch_hz), 0.0, atol=0.05)


def test_the_level_is_that_below_2_khz():
    time_s = np.arange(16000) / 16000
    low, high = (np.sin(2 * np.pi * hz * time_s)[:, np.newaxis] for hz in (500.0, 6000.0))
    for block, expected_db in ((low, -3.01), (low + 10.0 * high, -3.01)):
        track = analyze(ProsodyTrack(StreamFormat(16000)), [block.astype(np.float32)])
        np.testing.assert_allclose(track[5:-5, 1], expected_db, atol=0.05)


def test_noise_and_silence_have_no_pitch():
    noise = np.random.default_rng(1).standard_normal((16000 * 5, 1)).astype(np.float32)
    track = analyze(ProsodyTrack(StreamFormat(16000)), [noise])
    assert np.mean(track[:, 0] > 0.0) < 0.03
    silent = analyze(ProsodyTrack(StreamFormat(16000)), [0.0 * noise])
    assert silent[:, 0].max() == 0.0


def test_the_track_is_the_same_for_every_cutting():
    block = buzz(11025, 150.0)
    whole = analyze(ProsodyTrack(StreamFormat(11025)), [block])
    for cuts in ([1], range(0, len(block), 110), [2000, 2000]):
        parts = analyze(ProsodyTrack(StreamFormat(11025)), split_at(block, cuts))
        np.testing.assert_array_equal(parts, whole)
