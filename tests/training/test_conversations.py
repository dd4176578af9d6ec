"""Talks of one and of several, and who speaks when in them."""

from __future__ import annotations

import numpy as np
import pytest

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


def test_talks_are_tallied_by_how_many_were_told_apart(corpus):
    tally, again = (tally_talks(corpus, n_talks=8, seed=2) for _ in range(2))
    assert tally == again
    # Four talks have one talker, four several.
    for share in (tally.false_splits, tally.missed_splits, tally.right):
        assert share in {0.0, 0.25, 0.5, 0.75, 1.0}
    assert tally.missed_splits + tally.right <= 1.0
