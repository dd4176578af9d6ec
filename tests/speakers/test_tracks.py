"""Labels of frames as segments, and what becomes of overlap."""

from __future__ import annotations

import numpy as np

from audiokit.speakers.tracks import cut_out, in_order, runs, second_voices, turns
from audiokit.speakers.turns import cut_turns
from audiokit.vad.segments import Segment

HOP_S = 0.01


def rows(segments):
    return [(round(s.start_s, 3), round(s.end_s, 3), s.label) for s in segments]


def test_speech_is_cut_at_changes_and_keeps_its_own_edges():
    labels = np.repeat([0, 1], [150, 150])
    sureness = np.repeat([1.0, 0.5], [150, 150])
    speech = [Segment(0.123, 1.0), Segment(1.2, 2.9876)]
    cut = turns(labels, sureness, speech, hop_s=HOP_S)
    assert rows(cut) == [
        (0.123, 1.0, "speaker_1"),
        (1.2, 1.5, "speaker_1"),
        (1.5, 2.988, "speaker_2"),
    ]
    assert [s.confidence for s in cut] == [1.0, 1.0, 0.5]


def test_flags_become_segments():
    flags = np.zeros(300, bool)
    flags[50:100] = flags[290:] = True
    assert rows(runs(flags, hop_s=HOP_S)) == [(0.5, 1.0, "overlap"), (2.9, 3.0, "overlap")]
    assert runs(np.zeros(0, bool), hop_s=HOP_S) == []


def test_who_else_speaks_is_who_speaks_around():
    labels = np.repeat([0, 1, 0], [200, 100, 200])
    overlaps = [Segment(1.5, 1.9, "overlap"), Segment(2.1, 2.5, "overlap")]
    named = second_voices(overlaps, labels, hop_s=HOP_S)
    assert rows(named) == [(1.5, 1.9, "speaker_2"), (2.1, 2.5, "speaker_1")]


def test_where_nobody_else_speaks_it_stays_overlap():
    overlaps = [Segment(0.5, 1.0, "overlap")]
    assert second_voices(overlaps, np.zeros(400, np.intp), hop_s=HOP_S) == overlaps


def test_overlap_is_cut_out_of_turns():
    segments = [Segment(0.0, 2.0, "a"), Segment(2.0, 3.0, "b"), Segment(3.0, 3.5, "a")]
    left = cut_out(segments, [Segment(1.0, 1.2), Segment(1.9, 2.4), Segment(2.99, 3.5)])
    assert rows(left) == [(0.0, 1.0, "a"), (1.2, 1.9, "a"), (2.4, 2.99, "b")]


def test_speakers_are_numbered_by_first_appearance_and_overlap_keeps_its_name():
    mixed = [Segment(2.0, 3.0, "speaker_1"), Segment(0.5, 1.0, "overlap"),
             Segment(0.0, 2.0, "speaker_3")]  # fmt: skip
    assert rows(in_order(mixed)) == [
        (0.0, 2.0, "speaker_1"),
        (0.5, 1.0, "overlap"),
        (2.0, 3.0, "speaker_2"),
    ]


def test_a_change_lies_at_the_quietest_place_near():
    level_db = np.full(400, -20.0, np.float16)
    level_db[215:235] = -60.0
    labels, starts = np.repeat([0, 1], [8, 8]), np.arange(16) * 25
    speakers = cut_turns(labels, starts, level_db, min_turn_frames=10)
    assert 218 <= np.flatnonzero(np.diff(speakers))[0] + 1 <= 232


def test_turns_that_are_too_short_go_to_the_longer_neighbour():
    labels, starts = np.repeat([0, 1, 2], [4, 1, 11]), np.arange(16) * 25
    level_db = np.full(400, -20.0, np.float16)
    speakers = cut_turns(labels, starts, level_db, min_turn_frames=50)
    assert set(speakers.tolist()) == {0, 2}
    assert (speakers == 2).sum() == 300
