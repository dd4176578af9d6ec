"""Phrases and utterances of melodies that were made for it."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.vad.phrases import boundaries, group_phrases
from audiokit.vad.segments import Segment

SYLLABLE = 18


def track(*pieces):
    """Melody and level of pieces ``(pause, pitches, lengths)``, in frames; and the pieces."""
    frames, segments, at = [], [], 0
    for pause, pitches, lengths in pieces:
        frames.append(np.tile([0.0, -80.0], (pause, 1)))
        at += pause
        start = at
        for pitch, length in zip(pitches, lengths, strict=True):
            # Each ends in a consonant without voice.
            voiced = np.tile([pitch, -20.0], (length, 1))
            frames += [voiced, np.tile([0.0, -40.0], (3, 1))]
            at += length + 3
        segments.append(Segment(start / 100, at / 100, confidence=0.9))
    return segments, np.concatenate(frames).astype(np.float32)


def plain(pause, pitch=120.0):
    return (pause, [pitch] * 4, [SYLLABLE] * 4)


def test_what_parts_two_pieces_is_told_in_numbers():
    segments, melody = track(
        plain(0, 200.0),
        (30, [200.0, 180.0, 150.0, 100.0], [18, 18, 18, 36]),
        plain(40, 200.0),
    )
    first, second = boundaries(segments, melody)
    assert first.pause_s == pytest.approx(0.3)
    assert first.reset_semitones == pytest.approx(0.0, abs=0.01)
    assert first.lengthening == pytest.approx(1.0)
    assert second.pause_s == pytest.approx(0.4)
    assert second.reset_semitones == pytest.approx(12.0, abs=0.01)
    assert second.lengthening == pytest.approx(2.0)
    assert second.strength > first.strength


def test_a_long_pause_ends_an_utterance_and_a_short_one_a_phrase():
    segments, melody = track(plain(0), plain(30), plain(70), plain(12))
    utterances = group_phrases(segments, melody, level="utterance")
    phrases = group_phrases(segments, melody, level="phrase")
    assert [s.start_s for s in utterances] == [segments[0].start_s, segments[2].start_s]
    assert [s.start_s for s in phrases] == [s.start_s for s in segments[:3]]
    assert {s.label for s in phrases} == {"phrase"}
    assert phrases[0].confidence == pytest.approx(0.9)
    assert utterances[0].end_s == segments[1].end_s


def test_melody_and_a_long_last_syllable_end_what_the_pause_alone_does_not():
    flat, flat_melody = track(plain(0), plain(35))
    falling, falling_melody = track(
        (0, [160.0, 150.0, 130.0, 100.0], [18, 18, 18, 40]), plain(35, 170.0)
    )
    assert len(group_phrases(flat, flat_melody, level="utterance")) == 1
    assert len(group_phrases(falling, falling_melody, level="utterance")) == 2


def test_whispers_go_by_pauses_alone():
    segments, _ = track(plain(0), plain(30), plain(70))
    melody = np.tile(np.float32([0.0, -40.0]), (600, 1))
    assert [b.reset_semitones for b in boundaries(segments, melody)] == [None, None]
    assert len(group_phrases(segments, melody, level="utterance")) == 2


def test_nothing_and_one_piece_stay_what_they_are():
    assert group_phrases([], np.zeros((0, 2), np.float32), level="phrase") == []
    segments, melody = track(plain(5))
    [only] = group_phrases(segments, melody, level="utterance")
    assert (only.start_s, only.end_s) == (segments[0].start_s, segments[0].end_s)


def test_an_unknown_level_is_named():
    with pytest.raises(SettingError, match="level is 'word'"):
        group_phrases([], np.zeros((0, 2), np.float32), level="word")
