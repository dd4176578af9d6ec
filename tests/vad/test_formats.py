"""Label files: the text each kind asks for, what others read in it, and our own both ways."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.errors import FormatError, SettingError
from audiokit.vad.formats import SEGMENT_KINDS, format_segments, parse_segments, segment_rows
from audiokit.vad.segments import Segment

TWO = [Segment(0.5, 1.25, confidence=0.875), Segment(2.0, 3.0, label='a "b" c')]
# Two people, who speak at once, each on a channel of their own.
CALL = [
    Segment(0.25, 1.5, "anna", 0.75, 0),
    Segment(1.0, 2.125, "ben", None, 1),
    Segment(2.0, 3.0, "anna", 0.5, 0),
]
WHY = "no {} to open the file with"


def text_of(kind, segments=TWO):
    return format_segments(segments, kind=kind, uri="take 1", duration_s=4.0)


def written(folder, kind, segments, suffix=None):
    path = folder / f"take.{suffix or kind}"
    path.write_text(text_of(kind, segments), encoding="utf-8")
    return str(path)


def textgrid_tiers(text):
    """Return name and intervals of each tier, by the long form as Praat's manual shows it."""
    head, *tiers = re.split(r"^    item \[\d+\]:$", text, flags=re.MULTILINE)
    assert head.startswith('File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\n')
    assert int(re.search(r"^size = (\d+)$", head, re.MULTILINE)[1]) == len(tiers)
    end_s = float(re.search(r"^xmax = (\S+)$", head, re.MULTILINE)[1])
    found = {}
    for tier in tiers:
        intervals = re.findall(
            r"^ {8}intervals \[(\d+)\]:\n {12}xmin = (\S+)\n {12}xmax = (\S+)\n"
            r' {12}text = "((?:[^"]|"")*)"$',
            tier,
            re.MULTILINE,
        )
        assert f"intervals: size = {len(intervals)}\n" in tier
        assert [int(number) for number, *_ in intervals] == list(range(1, len(intervals) + 1))
        times = [(float(start), float(stop)) for _, start, stop, _ in intervals]
        # A tier covers all the time, without a gap.
        assert times[0][0] == 0.0
        assert times[-1][1] == end_s
        assert all(one[1] == next_[0] for one, next_ in pairwise(times))
        assert all(start < stop for start, stop in times)
        name = re.search(r'name = "((?:[^"]|"")*)"\n', tier)[1].replace('""', '"')
        texts = [text.replace('""', '"') for *_, text in intervals]
        found[name] = [(*each, text) for each, text in zip(times, texts, strict=True) if text]
    assert len(found) == len(tiers)
    return found


@pytest.mark.parametrize("segments", [TWO, CALL, []])
def test_json_comes_back_as_it_went(segments):
    assert parse_segments(text_of("json", segments)) == segments


def test_json_of_before_channels_is_still_read():
    text = '{"schema": "audiokit.segments/1", "segments": [{"start_s": 1, "end_s": 2}]}'
    assert parse_segments(text) == [Segment(1, 2)]


def test_json_names_its_schema_source_and_duration():
    document = json.loads(text_of("json"))
    assert document["schema"] == "audiokit.segments/1"
    assert (document["source"], document["duration_s"]) == ("take 1", 4.0)


def test_rows_hold_plain_values_where_a_segment_holds_those_of_numpy():
    odd = Segment(np.float64(0.5), np.float64(1.5), confidence=np.float32(0.25))
    row = segment_rows([odd])[0]
    assert row == {
        "start_s": 0.5, "end_s": 1.5, "label": "speech", "confidence": 0.25, "channel": None
    }  # fmt: skip
    assert {type(row[name]) for name in ("start_s", "end_s", "confidence")} == {float}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "other/1", "segments": []}'])
def test_foreign_json_is_refused_by_name(text):
    with pytest.raises(FormatError, match=r"take\.json: is no list of segments"):
        parse_segments(text, source="take.json")


def test_csv_has_a_header_and_quotes_what_needs_it():
    assert text_of("csv") == (
        'start_s,end_s,label,confidence,channel\n0.5,1.25,speech,0.875,\n2.0,3.0,"a ""b"" c",,\n'
    )


def test_rttm_has_ten_fields_a_line_and_counts_channels_from_one():
    lines = text_of("rttm", CALL).splitlines()
    assert [line.count(" ") for line in lines] == [9, 9, 9]
    assert lines[0] == "SPEAKER take_1 1 0.250 1.250 <NA> <NA> anna 0.750 <NA>"
    assert lines[1] == "SPEAKER take_1 2 1.000 1.125 <NA> <NA> ben <NA> <NA>"


def test_what_touches_still_touches_in_milliseconds():
    touching = [Segment(0.0, 1.2345), Segment(1.2345, 2.0004)]
    first, second = (line.split(" ") for line in text_of("rttm", touching).splitlines())
    assert float(first[3]) + float(first[4]) == pytest.approx(float(second[3]), abs=1e-9)


def test_rttm_is_what_pyannote_reads():
    core = pytest.importorskip("pyannote.core", reason=WHY.format("pyannote.core"))
    annotation = core.Annotation(uri="take_1")
    for line in text_of("rttm", CALL).splitlines():
        # As pyannote.database's loader does: by spaces, NA words as nothing.
        _, uri, _, start, duration, _, _, label, *_ = line.split()
        assert uri == annotation.uri
        start_s = float(start)
        annotation[core.Segment(start_s, start_s + float(duration))] = label
    assert annotation.labels() == ["anna", "ben"]
    assert annotation.label_duration("anna") == pytest.approx(2.25)
    assert annotation.get_overlap().duration() == pytest.approx(0.625)


def test_audacity_labels_are_three_columns_between_tabs():
    assert text_of("audacity").splitlines()[0] == "0.500000\t1.250000\tspeech"
    assert text_of("audacity", CALL).splitlines()[1] == "1.000000\t2.125000\tben (channel 2)"
    assert text_of("txt") == text_of("audacity")


def test_textgrid_covers_the_whole_recording_and_doubles_quotes():
    text = text_of("textgrid")
    assert textgrid_tiers(text_of("textgrid", [Segment(0.5, 1.25)])) == {
        "segments": [(0.5, 1.25, "speech")]
    }
    assert textgrid_tiers(text)['a "b" c'] == [(2.0, 3.0, 'a "b" c')]
    assert 'text = "a ""b"" c"' in text


def test_each_speaker_has_a_tier_so_that_overlap_has_room():
    assert textgrid_tiers(text_of("textgrid", CALL)) == {
        "anna (channel 1)": [(0.25, 1.5, "anna"), (2.0, 3.0, "anna")],
        "ben (channel 2)": [(1.0, 2.125, "ben")],
    }


def test_a_label_that_overlaps_itself_goes_on_in_another_tier():
    segments = [Segment(0.0, 2.0), Segment(1.0, 3.0), Segment(2.0, 4.0)]
    assert textgrid_tiers(text_of("textgrid", segments)) == {
        "speech": [(0.0, 2.0, "speech"), (2.0, 4.0, "speech")],
        "speech 2": [(1.0, 3.0, "speech")],
    }


def test_textgrid_is_what_praatio_and_textgrid_read(tmp_path):
    path = written(tmp_path, "textgrid", CALL)
    praatio = pytest.importorskip("praatio.textgrid", reason=WHY.format("praatio"))
    grid = praatio.openTextgrid(path, includeEmptyIntervals=False, reportingMode="error")
    assert grid.tierNames == ("anna (channel 1)", "ben (channel 2)")
    assert [tuple(entry) for entry in grid.getTier("ben (channel 2)").entries] == [
        (1.0, 2.125, "ben")
    ]
    other = pytest.importorskip("textgrid", reason=WHY.format("textgrid"))
    tiers = other.TextGrid.fromFile(path)
    assert [(tier.name, tier.maxTime) for tier in tiers] == [
        ("anna (channel 1)", 4.0),
        ("ben (channel 2)", 4.0),
    ]


times = st.floats(0.0, 100.0, allow_nan=False).map(lambda value: round(value, 3))
segments_of_any_kind = st.lists(
    st.tuples(
        times, st.integers(1, 5000), st.sampled_from(["a", "b"]), st.sampled_from([None, 0, 1])
    ).map(lambda p: Segment(p[0], round(p[0] + p[1] / 1000.0, 3), p[2], None, p[3])),
    max_size=12,
)


@settings(deadline=None, max_examples=100)
@given(segments=segments_of_any_kind)
def test_no_segment_is_lost_between_tiers(segments):
    text = format_segments(segments, kind="textgrid", uri="x", duration_s=110.0)
    found = sorted(each for tier in textgrid_tiers(text).values() for each in tier)
    assert found == sorted((s.start_s, s.end_s, s.label) for s in segments)


def test_srt_counts_from_one_and_uses_a_comma():
    late = [Segment(3661.0625, 3662.5)]
    assert text_of("srt", late) == "1\n01:01:01,062 --> 01:01:02,500\nspeech\n"


def test_vtt_has_its_header_and_names_the_voice():
    text = text_of("vtt", CALL[:1])
    assert text == ("WEBVTT\n\n1\n00:00:00.250 --> 00:00:01.500\n<v anna>anna (channel 1)</v>\n")


def test_subtitles_keep_marks_of_their_own_out_of_the_text():
    odd = [Segment(0.0, 0.0002, label="a --> b & <c>\n\nd")]
    vtt = text_of("vtt", odd)
    assert "<v a --&gt; b &amp; &lt;c&gt; d>a --&gt; b &amp; &lt;c&gt; d</v>" in vtt
    assert "00:00:00.000 --> 00:00:00.001" in vtt
    assert text_of("srt", odd).splitlines()[2] == "a -> b & <c> d"


def test_subtitles_are_what_players_libraries_read(tmp_path):
    webvtt = pytest.importorskip("webvtt", reason=WHY.format("webvtt-py"))
    cues = webvtt.read(written(tmp_path, "vtt", CALL)).captions
    assert [(cue.start, cue.end, cue.voice) for cue in cues][1] == (
        "00:00:01.000",
        "00:00:02.125",
        "ben",
    )
    pysrt = pytest.importorskip("pysrt", reason=WHY.format("pysrt"))
    items = pysrt.open(written(tmp_path, "srt", CALL))
    assert [(item.start.ordinal, item.end.ordinal, item.text) for item in items][1] == (
        1000,
        2125,
        "ben (channel 2)",
    )


def test_kaldi_lines_are_sorted_by_bytes_and_begin_with_the_speaker():
    lines = [line.split(" ") for line in text_of("kaldi", CALL).splitlines()]
    assert lines == [
        ["take_1-ch0-anna-000000250-000001500", "take_1", "0.250", "1.500", "0"],
        ["take_1-ch0-anna-000002000-000003000", "take_1", "2.000", "3.000", "0"],
        ["take_1-ch1-ben-000001000-000002125", "take_1", "1.000", "2.125", "1"],
    ]
    # No one is claimed to be called "speech".
    assert text_of("kaldi").splitlines()[0].startswith("take_1-000000500-000001250 take_1 0.5")


@settings(deadline=None, max_examples=100)
@given(segments=segments_of_any_kind)
def test_kaldi_names_are_unique_and_in_order(segments):
    text = format_segments(segments, kind="kaldi", uri="x", duration_s=110.0)
    names = [line.split(" ")[0].encode() for line in text.splitlines()]
    assert len(set(names)) == len(segments)
    assert names == sorted(names)


def test_lhotse_lines_hold_what_a_supervision_needs():
    rows = [json.loads(line) for line in text_of("lhotse", CALL).splitlines()]
    assert rows[1] == {
        "id": "take_1-ch1-ben-000001000-000002125",
        "recording_id": "take_1",
        "start": 1.0,
        "duration": 1.125,
        "channel": 1,
        "speaker": "ben",
    }
    assert rows[0]["custom"] == {"confidence": 0.75}
    assert "speaker" not in json.loads(text_of("lhotse").splitlines()[0])
    assert text_of("jsonl", CALL) == text_of("lhotse", CALL)


# On its way in, torch warns of what NumPy no longer likes.
@pytest.mark.filterwarnings("ignore")
def test_lhotse_reads_them_as_supervisions(tmp_path):
    lhotse = pytest.importorskip("lhotse", reason=WHY.format("lhotse"))
    path = written(tmp_path, "lhotse", CALL, "jsonl")
    supervisions = lhotse.SupervisionSet.from_jsonl(path)
    lhotse.validate(supervisions)
    found = [(s.recording_id, s.start, s.end, s.speaker, s.channel) for s in supervisions]
    assert found == [
        ("take_1", 0.25, 1.5, "anna", 0),
        ("take_1", 1.0, 2.125, "ben", 1),
        ("take_1", 2.0, 3.0, "anna", 0),
    ]


@pytest.mark.parametrize("kind", SEGMENT_KINDS)
def test_no_segments_are_a_file_too(kind):
    text = text_of(kind, [])
    assert "speech" not in text
    assert text == "" or text.endswith("\n")


def test_an_unknown_kind_names_the_known_ones():
    with pytest.raises(SettingError, match=r"json, csv, rttm"):
        text_of("docx")
