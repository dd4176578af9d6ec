"""Talks of one and of several, and who speaks when in them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.training.conversations import make_conversation
from audiokit.training.corpus import Corpus
from audiokit.training.scenes import FRAME_SAMPLES
from audiokit.training.speaker_number import tally_talks

RATE = 16000


def reader(pitch_hz):
    """Bursts of a buzz, with true silence between them."""
    time_s = np.arange(4 * RATE) / RATE
    voice = sum(np.sin(2 * np.pi * pitch_hz * k * time_s) / k for k in range(1, 9))
    return (0.1 * voice * (np.sin(2 * np.pi * 1.1 * time_s) > -0.2)).astype(np.float32)


@pytest.fixture(scope="module")
def corpus():
    rng = np.random.default_rng(1)
    speech = tuple(reader(pitch_hz) for pitch_hz in (100.0, 140.0, 180.0, 220.0))
    noise = tuple(rng.standard_normal(4 * RATE).astype(np.float32) for _ in range(3))
    return Corpus(speech, speech, speech, speech, noise, "test")


@pytest.mark.parametrize("talkers", [1, 2, 3])
def test_nobody_speaks_but_the_talkers_and_the_same_seed_says_the_same(corpus, talkers):
    first, again = (
        make_conversation(np.random.default_rng(3), corpus, talkers=talkers, seconds=30.0)
        for _ in range(2)
    )
    assert set(first.who.tolist()) == {-1, *range(talkers)}
    assert len(first.heard) == len(first.who) * FRAME_SAMPLES == 30 * RATE
    np.testing.assert_array_equal(first.heard, again.heard)


def test_speech_is_louder_than_pauses_of_every_kind(corpus):
    kinds = set()
    for seed in range(8):
        talk = make_conversation(np.random.default_rng(seed), corpus, talkers=2, seconds=12.0)
        kinds.add(talk.kind)
        level = np.square(talk.heard.reshape(-1, FRAME_SAMPLES)).mean(axis=1)
        assert np.isfinite(talk.heard).all()
        assert level[talk.who >= 0].mean() > 2.0 * np.median(level[talk.who < 0])
    assert kinds == {"near", "telephone", "far"}


def test_a_telephone_carries_nothing_above_4_khz(corpus):
    for seed in range(20):
        talk = make_conversation(np.random.default_rng(seed), corpus, talkers=1, seconds=8.0)
        if talk.kind == "telephone":
            power = np.square(np.abs(np.fft.rfft(talk.heard)))
            half = len(power) // 2
            assert power[half:].sum() < 0.02 * power[:half].sum()
            return
    pytest.fail("no telephone in twenty talks")


def test_voices_far_apart_are_told_apart_and_the_tally_says_so():
    path = Path(__file__).parents[1] / "speakers" / "voices.py"
    spec = importlib.util.spec_from_file_location("voices", path)
    voices = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(voices)
    readers = tuple(
        voices.voice(kind, 12.0, seed=seed).astype(np.float32)
        for seed, kind in enumerate((voices.LOW, voices.HIGH, voices.MIDDLE, (180.0, 1.1)))
    )
    noise = (np.random.default_rng(1).standard_normal(4 * RATE).astype(np.float32),)
    apart = Corpus(readers, readers, readers, readers, noise, "test")
    tally, again = (tally_talks(apart, n_talks=6, seed=1) for _ in range(2))
    assert tally == again
    assert tally.missed_splits == tally.unmarked == 0.0
    assert tally.right > 0.0


def test_one_talk_is_too_few_to_tally(corpus):
    with pytest.raises(SettingError, match="n_talks is 1, expected 2 or more"):
        tally_talks(corpus, n_talks=1, seed=1)
