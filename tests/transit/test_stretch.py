"""Stretching by one pitch period."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.stage import StreamFormat
from audiokit.transit.stretch import Stretcher

RATES = [8000, 16000, 48000]


def voice(n_samples, rate, pitch_hz=160.0):
    """Return a steady buzz of ten harmonics, ``(samples, 1)``."""
    at_s = np.arange(n_samples) / rate
    parts = [np.sin(2 * np.pi * pitch_hz * k * at_s) / k for k in range(1, 11)]
    return (0.2 * np.sum(parts, axis=0)).astype(np.float32)[:, np.newaxis]


@pytest.mark.parametrize("rate", RATES)
def test_a_steady_voice_stays_itself_longer_and_shorter(rate):
    stretcher = Stretcher(StreamFormat(rate))
    half = 2 * stretcher.longest_samples
    whole = voice(3 * half, rate)
    played, block = whole[:half], whole[half : 2 * half]
    longer = stretcher.lengthen(played, block, likeness=0.9)
    shorter = stretcher.shorten(block, likeness=0.9)
    period = rate / 160.0
    added, removed = len(longer) - len(block), len(block) - len(shorter)
    # One period or two, to the sample.
    assert min(abs(added - n * period) for n in (1, 2)) <= 1
    assert min(abs(removed - n * period) for n in (1, 2)) <= 1
    for changed in (longer, shorter):
        expected = whole[half : half + len(changed)]
        assert np.abs(changed - expected).max() < 0.08


@pytest.mark.parametrize("rate", RATES)
def test_joins_do_not_click(rate):
    stretcher = Stretcher(StreamFormat(rate))
    half = 2 * stretcher.longest_samples
    whole = voice(2 * half, rate)
    longer = stretcher.lengthen(whole[:half], whole[half:], likeness=0.5)
    largest = np.abs(np.diff(whole[:, 0])).max()
    heard = np.concatenate([whole[:half], longer])
    assert np.abs(np.diff(heard[:, 0])).max() <= 1.1 * largest


def test_noise_is_left_alone_where_likeness_is_asked_for():
    stretcher = Stretcher(StreamFormat(16000))
    noise = np.random.default_rng(2).normal(0, 0.1, (1200, 1)).astype(np.float32)
    assert stretcher.lengthen(noise[:600], noise[600:], likeness=0.9) is None
    assert stretcher.shorten(noise, likeness=0.9) is None


def test_silence_may_always_be_stretched():
    stretcher = Stretcher(StreamFormat(16000))
    silence = np.zeros((600, 1), np.float32)
    assert len(stretcher.lengthen(silence, silence, likeness=1.0)) > 600
    assert len(stretcher.shorten(silence, likeness=1.0)) < 600


@given(
    seed=st.integers(0, 99),
    level=st.sampled_from([0.0, 1e-6, 0.1, 1.0]),
    offset=st.sampled_from([0.0, 0.5, 1.0]),
    channels=st.integers(1, 2),
    likeness=st.floats(-1.0, 1.0),
)
def test_whatever_the_sound_the_change_is_bounded_and_no_louder(
    seed, level, offset, channels, likeness
):
    stretcher = Stretcher(StreamFormat(8000, channels))
    rng = np.random.default_rng(seed)
    sound = (rng.uniform(-level, level, (600, channels)) + offset).clip(-1, 1).astype(np.float32)
    played, block = sound[:300], sound[300:]
    longer = stretcher.lengthen(played, block, likeness=likeness)
    shorter = stretcher.shorten(block, likeness=likeness)
    for changed in (longer, shorter):
        if changed is not None:
            assert changed.dtype == np.float32
            assert changed.shape[1] == channels
            assert 0 < abs(len(changed) - 300) <= stretcher.longest_samples
            assert np.abs(changed).max() <= np.abs(sound).max() + 1e-6
