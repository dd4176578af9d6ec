"""Clusters and sequences of vectors whose speakers are known, and overlap of two voices."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.speakers.clustering import follow_speakers, merge_voices
from audiokit.speakers.overlap import N_OVERLAP_STATISTICS, overlap_statistics
from audiokit.speakers.turns import find_speakers
from audiokit.speakers.voice_frames import PITCH, VoiceFrames
from audiokit.speakers.voice_windows import voice_model
from audiokit.stage import StreamFormat

SPREAD = np.full(6, 16.0)
TRUTH = np.repeat([0, 1, 2, 1, 0], 20)


def vectors(seed=0):
    rng = np.random.default_rng(seed)
    places = np.array([[6.0, 0, 0, 0, 0, 0], [0, 6.0, 0, 0, 0, 0], [0, 0, 6.0, 0, 0, 0]])
    made = places[TRUTH] + rng.standard_normal((len(TRUTH), 6))
    return made - made.mean(axis=0)


def same_partition(labels):
    return len(set(zip(labels.tolist(), TRUTH.tolist(), strict=True))) == 3


def test_windows_of_one_speaker_are_merged_first():
    assert same_partition(merge_voices(vectors(), SPREAD, scale=0.5, fewest=1)[3])


def test_one_merge_gains_what_the_closed_form_says():
    # Two windows x and y of scale 1: the evidence of a cluster of n with sum f is
    # (s f^2 / (1 + n s) - log(1 + n s)) / 2. Alike they merge, before the far third.
    found = merge_voices(np.array([[2.0], [2.1], [-2.0]]), np.array([4.0]), scale=1.0, fewest=2)
    assert found[2].tolist() == [0, 0, 1]


def test_a_wrong_window_at_the_start_is_put_right():
    start = TRUTH.copy()
    start[[3, 30, 47]] = [2, 0, 1]
    followed = follow_speakers(vectors(), SPREAD, start, scale=0.5, stay=0.9)
    assert same_partition(followed.shares.argmax(axis=1))
    np.testing.assert_allclose(followed.shares.sum(axis=1), 1.0)


def test_the_true_number_has_more_evidence_than_others():
    found = merge_voices(vectors(), SPREAD, scale=0.5, fewest=1)
    evidence = [
        follow_speakers(vectors(), SPREAD, found[n], scale=0.5, stay=0.9).evidence
        for n in (1, 2, 3)
    ]
    assert np.argmax(evidence) == 2


def test_a_long_recording_is_told_apart_like_a_short_one():
    spread = voice_model().spread
    rng = np.random.default_rng(1)
    truth = np.tile(np.repeat([0, 1], 40), 30)
    places = rng.standard_normal((2, len(spread))) * np.sqrt(spread) * 2.0
    made = places[truth] + rng.standard_normal((len(truth), len(spread)))
    found = find_speakers(made - made.mean(axis=0), speakers=0, max_speakers=4)
    labels = found.shares.argmax(axis=1)
    assert found.doubt == ""
    assert max((labels == truth).mean(), (labels != truth).mean()) > 0.99


def talk(order, *, apart, manners=0.0):
    """Return windows of voices, each on an axis of its own; manners change in mid-turn."""
    n_values, n_turn = len(voice_model().spread), 20
    truth = np.repeat(order, n_turn)
    made = np.random.default_rng(0).standard_normal((len(truth), n_values))
    made[np.arange(len(truth)), truth] += apart
    made[:, 3] += manners * np.where(np.arange(len(truth)) % n_turn < n_turn // 2, 1.0, -1.0)
    return made - made.mean(axis=0)


def test_a_voice_that_comes_back_is_somebody_and_one_that_does_not_may_have_changed():
    told = find_speakers(talk([0, 1, 0, 1], apart=5.4), speakers=0, max_speakers=6)
    assert told.shares.shape[1] == 2
    assert told.doubt == ""
    changed = find_speakers(talk([0, 0, 1, 1], apart=5.4), speakers=0, max_speakers=6)
    assert changed.shares.shape[1] == 1
    assert "nobody speaks twice" in changed.doubt


def test_two_who_speak_once_each_are_told_apart_where_they_differ_much():
    told = find_speakers(talk([0, 0, 1, 1], apart=12.0), speakers=0, max_speakers=6)
    assert told.shares.shape[1] == 2
    assert told.doubt == ""


def test_many_who_speak_once_each_are_more_than_one_voice_that_changed():
    told = find_speakers(talk([0, 1, 2, 3], apart=5.7), speakers=0, max_speakers=6)
    assert told.shares.shape[1] > 1


def test_two_manners_of_two_voices_are_not_four_voices():
    told = find_speakers(talk([0, 1, 0, 1], apart=7.0, manners=2.5), speakers=0, max_speakers=6)
    assert told.shares.shape[1] == 2


def test_a_number_that_is_named_is_kept_where_nobody_speaks_twice():
    told = find_speakers(talk([0, 0, 1, 1], apart=5.4), speakers=2, max_speakers=6)
    assert told.shares.shape[1] == 2


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_the_pitch_of_a_buzz_is_measured(rate):
    fmt = StreamFormat(rate)
    time_s = np.arange(rate) / rate
    buzz = sum(np.sin(2 * np.pi * 160.0 * k * time_s) for k in range(1, 20)) * 0.02
    voice = VoiceFrames(fmt)
    frames = np.concatenate(
        [voice.process(np.ascontiguousarray(buzz[:, np.newaxis], np.float32)), voice.flush()]
    )
    assert len(frames) == 100
    pitch_hz = np.exp(frames[5:-5, PITCH].astype(float))
    np.testing.assert_allclose(pitch_hz, 160.0, rtol=0.03)


def test_windows_of_overlap_lie_every_tenth_frame_and_do_not_depend_on_grouping():
    rng = np.random.default_rng(2)
    frames = rng.standard_normal((30_005, 29)).astype(np.float16)
    whole = overlap_statistics(frames)
    assert whole.shape == (3001, N_OVERLAP_STATISTICS)
    # The second group begins at window 2048: the same as in a stretch around it.
    near = overlap_statistics(frames[20_000:21_000])
    np.testing.assert_allclose(whole[2010:2090], near[10:90], atol=1e-5)
