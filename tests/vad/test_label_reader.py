"""Label files that others wrote are read, and what is none is refused by name."""

from __future__ import annotations

import pytest

from audiokit.errors import FormatError
from audiokit.vad.formats import format_segments
from audiokit.vad.label_reader import LABEL_SUFFIXES, read_labels, recordings_named
from audiokit.vad.segments import Segment

SEGMENTS = [Segment(0.5, 1.25, label="ann"), Segment(1.0, 2.0, label="ben")]


@pytest.mark.parametrize("kind", LABEL_SUFFIXES)
def test_what_we_write_is_read_back(kind):
    text = format_segments(SEGMENTS, kind=kind, uri="take", duration_s=3.0)
    found = read_labels(text, kind=kind, recording="take", source="labels")
    assert [(s.start_s, s.end_s, s.label) for s in found] == [
        (s.start_s, s.end_s, s.label) for s in SEGMENTS
    ]


def test_lines_of_other_recordings_are_left_out():
    text = (
        "SPEAKER other 1 0.0 1.0 <NA> <NA> x <NA> <NA>\n"
        ";; a comment\n"
        "SPEAKER take 1 2.0 1.0 <NA> <NA> y <NA> <NA>\n"
        "SPEAKER take 1 1.0 0.5 <NA> <NA> z <NA> <NA>\n"
    )
    found = read_labels(text, kind="rttm", recording="take", source="all.rttm")
    assert [segment.label for segment in found] == ["z", "y"]
    table = "source,start_s,end_s\nother,0,1\ntake,1,2\n"
    assert read_labels(table, kind="csv", recording="take", source="t.csv") == [Segment(1.0, 2.0)]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("rttm", "SPEAKER take 1 soon 1.0\n"),
        ("rttm", "SPEAKER take 1 1.0 0.0 <NA> <NA> x <NA> <NA>\n"),
        ("csv", "begin,end\n0,1\n"),
        ("csv", "start_s,end_s\n0,late\n"),
        ("json", "{}"),
    ],
)
def test_what_are_no_labels_is_refused_by_name(kind, text):
    with pytest.raises(FormatError, match=r"bad\.file"):
        read_labels(text, kind=kind, recording="take", source="bad.file")


def test_a_label_file_tells_whose_segments_it_holds():
    rttm = "SPEAKER b 1 0.0 1.0\n;; x\nSPEAKER a 1 1.0 1.0\nSPEAKER b 1 2.0 1.0\n"
    assert recordings_named(rttm, kind="rttm") == ["a", "b"]
    assert recordings_named("source,start_s,end_s\nz,0,1\n,1,2\n", kind="csv") == ["z"]
    assert recordings_named("start_s,end_s\n0,1\n", kind="csv") == []
    assert recordings_named("{}", kind="json") == []
