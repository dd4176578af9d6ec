"""Scenes that the detector is trained on: what is labelled is what can be heard."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.training.corpus import Corpus
from audiokit.training.scenes import FRAME_SAMPLES, make_scene, make_talk, speech_frames

RATE = 16000


def words(rng, seconds=3.0):
    """Bursts of a buzz, with true silence between them."""
    time_s = np.arange(int(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * rng.uniform(100, 200) * k * time_s) / k for k in range(1, 9))
    return (0.1 * voice * (np.sin(2 * np.pi * 1.1 * time_s) > -0.2)).astype(np.float32)


@pytest.fixture(scope="module")
def corpus():
    rng = np.random.default_rng(1)
    speech = tuple(words(rng) for _ in range(4))
    noise = tuple(rng.standard_normal(4 * RATE).astype(np.float32) for _ in range(3))
    return Corpus(speech, speech, speech, speech, noise, "test")


def test_words_are_labelled_within_two_frames():
    spoken = np.zeros(3 * RATE, np.float32)
    is_word = np.zeros(300, np.bool_)
    for start, end in ((40, 90), (130, 160), (220, 280)):
        time_s = np.arange((end - start) * FRAME_SAMPLES) / RATE
        spoken[start * FRAME_SAMPLES : end * FRAME_SAMPLES] = np.sin(2 * np.pi * 300 * time_s)
        is_word[start:end] = True
    found = speech_frames(spoken)
    for edges in (np.flatnonzero(np.diff(found)), np.flatnonzero(np.diff(is_word))):
        assert len(edges) == 6
    difference = np.flatnonzero(np.diff(found)) - np.flatnonzero(np.diff(is_word))
    assert np.abs(difference).max() <= 2


def test_a_stop_belongs_to_its_word_and_a_click_is_none():
    spoken = np.zeros(2 * RATE, np.float32)
    spoken[:RATE] = 0.1
    spoken[8000 : 8000 + 8 * FRAME_SAMPLES] = 0.0
    spoken[24000 : 24000 + 2 * FRAME_SAMPLES] = 0.1
    found = speech_frames(spoken)
    assert found[:100].all()
    assert not found[102:].any()
    assert len(speech_frames(spoken[:100])) == 0
    assert not speech_frames(np.zeros(RATE, np.float32)).any()


def test_a_scene_is_its_seed(corpus):
    first, again = (make_scene(np.random.default_rng(5), corpus, 4.0) for _ in range(2))
    np.testing.assert_array_equal(first.heard, again.heard)
    np.testing.assert_array_equal(first.is_speech, again.is_speech)
    assert first.heard.shape == (4 * RATE,)
    assert first.is_speech.shape == (400,)
    other = make_scene(np.random.default_rng(6), corpus, 4.0)
    assert not np.array_equal(first.heard, other.heard)


def test_some_talk_lies_under_rumble_and_none_of_it_is_called_speech(corpus):
    above_db = []
    for seed in range(40):
        talk, is_speech, _ = make_talk(np.random.default_rng(seed), corpus, 6.0)
        power = np.square(np.abs(np.fft.rfft(talk)))
        n_low = round(60.0 * len(talk) / RATE)
        above_db.append(10.0 * np.log10(power[:n_low].sum() / power[n_low:].sum() + 1e-9))
        assert is_speech.mean() < 0.98
    # A quarter of them, from -15 to 25 dB; knocks are short.
    assert 3 <= np.count_nonzero(np.array(above_db) > 3.0) <= 20


def test_scenes_hold_speech_and_pauses_at_all_levels(corpus):
    scenes = [make_scene(np.random.default_rng(seed), corpus, 6.0) for seed in range(40)]
    shares = np.array([scene.is_speech.mean() for scene in scenes])
    assert 0.25 < shares.mean() < 0.75
    assert shares.min() == 0.0
    levels_db = [20.0 * np.log10(np.sqrt(np.mean(np.square(s.heard))) + 1e-9) for s in scenes]
    assert max(levels_db) - min(levels_db) > 25.0
    assert all(np.isfinite(scene.heard).all() for scene in scenes)


def test_speech_is_louder_than_what_surrounds_it(corpus):
    """Labels that lay elsewhere than the speech would show no difference."""
    differences = []
    for seed in range(30):
        scene = make_scene(np.random.default_rng(seed), corpus, 6.0)
        power = np.square(scene.heard).reshape(-1, FRAME_SAMPLES).mean(axis=1) + 1e-12
        level_db = 10.0 * np.log10(power)
        if 20 < scene.is_speech.sum() < 580:
            difference = np.median(level_db[scene.is_speech]) - np.median(
                level_db[~scene.is_speech]
            )
            differences.append(difference)
    assert np.median(differences) > 6.0
