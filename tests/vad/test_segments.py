"""Segments and lists of them."""

from __future__ import annotations

import math

import pytest

from audiokit.errors import SettingError
from audiokit.vad.segments import Segment, merge_segments, pad_segments, total_s


@pytest.mark.parametrize(
    ("start_s", "end_s"), [(-0.1, 1.0), (1.0, 1.0), (2.0, 1.0), (0.0, math.inf), (math.nan, 1.0)]
)
def test_times_out_of_order_are_refused(start_s, end_s):
    with pytest.raises(SettingError):
        Segment(start_s, end_s)


def test_confidence_is_between_zero_and_one():
    with pytest.raises(SettingError, match="confidence"):
        Segment(0.0, 1.0, confidence=1.5)


def test_merging_closes_gaps_up_to_the_limit_only():
    segments = [Segment(3.0, 4.0), Segment(0.0, 1.0), Segment(1.25, 2.0)]
    assert merge_segments(segments, max_gap_s=0.25) == [Segment(0.0, 2.0), Segment(3.0, 4.0)]


def test_merging_keeps_labels_apart():
    segments = [Segment(0.0, 2.0, "a"), Segment(1.0, 3.0, "b"), Segment(2.0, 4.0, "a")]
    assert merge_segments(segments) == [Segment(0.0, 4.0, "a"), Segment(1.0, 3.0, "b")]


def test_a_merged_confidence_is_weighted_by_duration():
    merged = merge_segments([Segment(0, 3, confidence=1.0), Segment(3, 4, confidence=0.0)])
    assert merged[0].confidence == pytest.approx(0.75)


def test_a_contained_segment_shortens_nothing():
    assert merge_segments([Segment(0.0, 5.0), Segment(1.0, 2.0)]) == [Segment(0.0, 5.0)]


def test_padding_stays_within_the_recording_and_joins_what_touches():
    padded = pad_segments([Segment(0.1, 1.0), Segment(1.3, 1.9)], pad_s=0.2, duration_s=2.0)
    assert padded == [Segment(0.0, 2.0)]


def test_negative_padding_is_refused():
    with pytest.raises(SettingError, match="pad_s"):
        pad_segments([], pad_s=-0.1)


def test_total_counts_overlap_once():
    assert total_s([Segment(0.0, 2.0, "a"), Segment(1.0, 3.0, "b"), Segment(5, 6)]) == 4.0
