"""Label files: the text each kind asks for, and our own JSON both ways."""

from __future__ import annotations

import json

import pytest

from audiokit.errors import FormatError, SettingError
from audiokit.vad.formats import SEGMENT_KINDS, format_segments, parse_segments
from audiokit.vad.segments import Segment

TWO = [Segment(0.5, 1.25, confidence=0.875), Segment(2.0, 3.0, label='a "b" c')]


def text_of(kind, segments=TWO):
    return format_segments(segments, kind=kind, uri="take 1.wav", duration_s=4.0)


def test_json_comes_back_as_it_went():
    assert parse_segments(text_of("json")) == TWO


def test_json_names_its_schema_source_and_duration():
    document = json.loads(text_of("json"))
    assert document["schema"] == "audiokit.segments/1"
    assert (document["source"], document["duration_s"]) == ("take 1.wav", 4.0)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "other/1", "segments": []}'])
def test_foreign_json_is_refused_by_name(text):
    with pytest.raises(FormatError, match=r"take\.json: is no list of segments"):
        parse_segments(text, source="take.json")


def test_csv_has_a_header_and_quotes_what_needs_it():
    assert text_of("csv") == (
        'start_s,end_s,label,confidence\n0.5,1.25,speech,0.875\n2.0,3.0,"a ""b"" c",\n'
    )


def test_rttm_has_ten_fields_a_line():
    rows = [line.split(" ") for line in text_of("rttm").splitlines()]
    assert [len(row) for row in rows] == [10, 10]
    assert rows[0][:5] == ["SPEAKER", "take_1.wav", "1", "0.500", "0.750"]
    assert rows[0][8] == "0.875"


def test_audacity_labels_are_three_columns_between_tabs():
    assert text_of("audacity").splitlines()[0] == "0.500000\t1.250000\tspeech"
    assert text_of("txt") == text_of("audacity")


def test_textgrid_covers_the_whole_recording_and_doubles_quotes():
    text = text_of("textgrid")
    starts = [float(line.split("=")[1]) for line in text.splitlines() if "xmin" in line][2:]
    ends = [float(line.split("=")[1]) for line in text.splitlines() if "xmax" in line][2:]
    assert starts == [0.0, 0.5, 1.25, 2.0, 3.0]
    assert ends == [*starts[1:], 4.0]
    assert 'text = "a ""b"" c"' in text


def test_overlapping_segments_fit_no_textgrid():
    with pytest.raises(SettingError, match="rttm"):
        text_of("textgrid", [Segment(0.0, 2.0), Segment(1.0, 3.0)])


def test_srt_counts_from_one_and_uses_a_comma():
    late = [Segment(3661.0625, 3662.5)]
    assert text_of("srt", late) == "1\n01:01:01,062 --> 01:01:02,500\nspeech\n"


@pytest.mark.parametrize("kind", SEGMENT_KINDS)
def test_no_segments_are_a_file_too(kind):
    assert "speech" not in text_of(kind, [])


def test_an_unknown_kind_names_the_known_ones():
    with pytest.raises(SettingError, match=r"json, csv, rttm"):
        text_of("docx")
