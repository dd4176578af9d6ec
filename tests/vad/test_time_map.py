"""Times of a recording and of what is left of it become each other without loss."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.errors import FormatError, SettingError
from audiokit.vad.segments import Segment, total_s
from audiokit.vad.time_map import TimeMap, keep_speech

RATE = 1000
# 10 s of which 1 to 3 s, 4 to 4.5 s and 8 to 9 s are kept.
MAP = TimeMap(((1000, 3000), (4000, 4500), (8000, 9000)), 10000, RATE)


@st.composite
def maps(draw):
    lengths = draw(st.lists(st.integers(1, 5000), min_size=2, max_size=12))
    edges = [draw(st.integers(0, 3000))]
    for length in lengths:
        edges.append(edges[-1] + length)
    kept = tuple(zip(edges[0::2], edges[1::2], strict=False))
    rate = draw(st.sampled_from([8000, 11025, 16000, 44100, 48000]))
    return TimeMap(kept, edges[-1] + draw(st.integers(0, 3000)), rate)


@st.composite
def speech(draw):
    gaps = draw(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 300)), max_size=10))
    at, found = 0, []
    for gap, length in gaps:
        found.append(Segment((at + gap) / 100, (at + gap + length) / 100))
        at += gap + length
    return found, at / 100 + draw(st.integers(1, 300)) / 100


def times(segments):
    return [(segment.start_s, segment.end_s) for segment in segments]


def test_known_instants():
    known = {0.0: 0.0, 1.0: 0.0, 2.5: 1.5, 3.0: 2.0, 3.7: 2.0, 4.25: 2.25, 5.0: 2.5, 8.5: 3.0}
    assert {time_s: MAP.to_cut_s(time_s) for time_s in known} == known
    back = {0.0: 1.0, 1.5: 2.5, 2.0: 4.0, 2.25: 4.25, 2.5: 8.0, 3.5: 9.0, 99.0: 9.0, -1.0: 1.0}
    assert {time_s: MAP.to_source_s(time_s) for time_s in back} == back
    assert MAP.to_cut_s(99.0) == 3.5
    assert MAP.removed == [(0.0, 1.0), (3.0, 4.0), (4.5, 8.0), (9.0, 10.0)]
    assert MAP.kept == [(1.0, 3.0), (4.0, 4.5), (8.0, 9.0)]
    assert MAP.n_kept_samples == 3500


@given(maps(), st.data())
def test_a_kept_sample_comes_back_as_the_same_number(time_map, data):
    first, last = data.draw(st.sampled_from(time_map.kept_samples))
    time_s = data.draw(st.integers(first, last - 1)) / time_map.sample_rate
    assert time_map.to_source_s(time_map.to_cut_s(time_s)) == time_s
    cut_s = data.draw(st.integers(0, time_map.n_kept_samples)) / time_map.sample_rate
    assert time_map.to_cut_s(time_map.to_source_s(cut_s)) == cut_s


@given(maps(), st.floats(0.0, 10.0), st.floats(0.0, 10.0))
def test_order_is_kept_both_ways(time_map, one_s, other_s):
    early_s, late_s = sorted([one_s, other_s])
    assert time_map.to_cut_s(early_s) <= time_map.to_cut_s(late_s)
    assert time_map.to_source_s(early_s) <= time_map.to_source_s(late_s)


def test_segments_are_shortened_dropped_and_split():
    labels = [
        Segment(0.0, 0.9, "gone"),
        Segment(0.5, 2.0, "clipped", 0.5),
        Segment(2.0, 4.2, "across", channel=1),
        Segment(3.0, 4.0, "gone too"),
    ]
    cut = MAP.segments_to_cut(labels)
    assert cut == [Segment(0.0, 1.0, "clipped", 0.5), Segment(1.0, 2.2, "across", channel=1)]
    assert MAP.segments_to_source(cut) == [
        Segment(1.0, 2.0, "clipped", 0.5),
        Segment(2.0, 3.0, "across", channel=1),
        Segment(4.0, 4.2, "across", channel=1),
    ]


@given(maps(), st.data())
def test_labels_come_back_as_what_of_them_was_kept(time_map, data):
    samples = st.integers(0, time_map.n_samples)
    start, end = sorted(data.draw(st.lists(samples, min_size=2, max_size=2, unique=True)))
    rate = time_map.sample_rate
    there = time_map.segments_to_cut([Segment(start / rate, end / rate)])
    back = time_map.segments_to_source(there)
    expected = [
        (max(start, first) / rate, min(end, last) / rate)
        for first, last in time_map.kept_samples
        if max(start, first) < min(end, last)
    ]
    assert times(back) == expected
    assert total_s(there) == pytest.approx(total_s(back), abs=1e-9)


@given(maps())
def test_json_gives_the_same_map(time_map):
    assert TimeMap.from_json(time_map.to_json()) == time_map


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": "other/1"}',
        MAP.to_json().replace("3000", "999"),
        MAP.to_json().replace("3000", '"many"'),
    ],
)
def test_other_json_is_refused(text):
    with pytest.raises(FormatError):
        TimeMap.from_json(text, source="cut.json")


@pytest.mark.parametrize(
    "kept", [((1, 1),), ((0, 5), (5, 6)), ((4, 6), (1, 2)), ((0, 11),), ((-1, 5),)]
)
def test_stretches_that_cannot_be_are_refused(kept):
    with pytest.raises(SettingError, match="kept_samples"):
        TimeMap(kept, 10, RATE)


def test_stretches_in_seconds_become_samples_and_are_joined():
    stretches = [(2.0, 3.0), (-1.0, 0.5), (0.5004, 1.0), (9.5, 99.0), (5.0, 5.0)]
    found = TimeMap.of_stretches(stretches, n_samples=10000, sample_rate=RATE)
    assert found.kept_samples == ((0, 1000), (2000, 3000), (9500, 10000))


def test_nothing_kept_and_everything_kept():
    nothing = TimeMap((), 10, RATE)
    assert (nothing.to_cut_s(0.005), nothing.to_source_s(0.0)) == (0.0, 0.0)
    assert nothing.removed == [(0.0, 0.01)]
    assert nothing.segments_to_cut([Segment(0.0, 1.0)]) == []
    everything = TimeMap(((0, 10),), 10, RATE)
    assert everything.removed == []
    assert everything.to_cut_s(0.0037) == pytest.approx(0.0037)


@pytest.mark.parametrize("time_s", [math.nan, math.inf])
def test_a_time_that_is_none_is_refused(time_s):
    with pytest.raises(SettingError, match="finite"):
        MAP.to_cut_s(time_s)


def test_trimming_removes_the_ends_alone():
    segments = [Segment(2.0, 3.0), Segment(6.0, 7.0, "other")]
    assert keep_speech(segments, duration_s=10.0) == [(1.9, 7.1)]
    assert keep_speech(segments, duration_s=7.0, edge_s=3.0) == [(0.0, 7.0)]
    assert keep_speech([], duration_s=7.0) == []


def test_long_pauses_lose_their_middle():
    segments = [Segment(2.0, 3.0), Segment(3.4, 4.0), Segment(6.0, 7.0)]
    found = keep_speech(segments, duration_s=10.0, max_pause_s=0.5, edge_s=0.0)
    assert found == [(2.0, 4.25), (5.75, 7.0)]


@given(speech(), st.integers(0, 200), st.integers(0, 50))
def test_no_speech_is_lost_and_no_pause_is_longer_than_asked(recording, pause, edge):
    segments, duration_s = recording
    kept_s = keep_speech(
        segments, duration_s=duration_s, max_pause_s=pause / 100, edge_s=edge / 100
    )
    time_map = TimeMap.of_stretches(kept_s, n_samples=round(duration_s * RATE), sample_rate=RATE)
    left = time_map.segments_to_cut(segments)
    assert total_s(left) == pytest.approx(total_s(segments), abs=1e-9)
    pauses = [b.start_s - a.end_s for a, b in pairwise(left)]
    assert all(gap_s <= pause / 100 + 1e-9 for gap_s in pauses)
    if left:
        assert left[0].start_s <= edge / 100 + 1e-9
        end_s = time_map.n_kept_samples / RATE
        assert end_s - left[-1].end_s <= edge / 100 + 1e-9


@pytest.mark.parametrize("values", [{"max_pause_s": -0.1}, {"edge_s": math.nan}])
def test_negative_durations_are_refused(values):
    with pytest.raises(SettingError):
        keep_speech([], duration_s=1.0, **values)
