"""Speakers of conversations that are made by formula, with turns that are known."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.errors import SettingError
from audiokit.speakers.diarizer import Diarizer, SpeakerSettings
from audiokit.speakers.voice_frames import VoiceFrames
from audiokit.stage import StreamFormat
from audiokit.testing import split_at
from audiokit.vad.segments import Segment, total_s


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HERE = Path(__file__).parent
voices = load("voices", HERE / "voices.py")
error_rate = load(
    "diarization_error", HERE.parent / "benchmarks" / "diarization_error.py"
).error_rate

LOW, HIGH, MIDDLE = voices.LOW, voices.HIGH, voices.MIDDLE
MONO = StreamFormat(16000)
TALK, TURNS = voices.conversation([LOW, HIGH, LOW, HIGH], 3.0)
SHORT = np.ascontiguousarray(TALK[16000:80000])


def speech(turns):
    return [Segment(start_s, end_s) for start_s, end_s, _ in turns]


def diarized(blocks, pieces, fmt=MONO, **chosen):
    diarizer = Diarizer(fmt, SpeakerSettings(**chosen))
    for block in blocks:
        diarizer.process(block)
    return diarizer.finish(pieces)


def turns_of(report):
    return [(s.start_s, s.end_s, s.label) for s in report.segments]


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 48000])
def test_two_voices_in_turns_are_told_apart_at_any_rate(rate):
    block, turns = voices.conversation([LOW, HIGH, LOW, HIGH], 3.0, rate=rate)
    report = diarized([block], speech(turns), StreamFormat(rate), speakers=2)
    assert error_rate(turns, turns_of(report)) == pytest.approx(0.0, abs=0.01)


def test_three_voices_are_counted_where_nobody_says_how_many():
    block, turns = voices.conversation([LOW, HIGH, MIDDLE] * 2, 3.0)
    report = diarized([block], speech(turns))
    assert report.n_speakers == 3
    assert not report.is_low_confidence
    assert error_rate(turns, turns_of(report)) == pytest.approx(0.0, abs=0.01)


def test_speakers_are_numbered_in_the_order_in_which_they_first_speak():
    block, turns = voices.conversation([HIGH, LOW, MIDDLE, HIGH], 3.0)
    labels = [label for *_, label in turns_of(diarized([block], speech(turns), speakers=3))]
    assert labels == ["speaker_1", "speaker_2", "speaker_3", "speaker_1"]


def test_one_segment_over_all_is_cut_where_the_speaker_changes():
    report = diarized([TALK], [Segment(0.0, 12.8)], speakers=2)
    starts = [segment.start_s for segment in report.segments]
    np.testing.assert_allclose(starts, [0.0, 3.1, 6.3, 9.5], atol=0.15)
    assert total_s(report.segments) == pytest.approx(12.8)


def test_one_voice_is_one_speaker():
    block, turns = voices.conversation([LOW] * 4, 3.0)
    assert diarized([block], speech(turns)).n_speakers == 1


def test_one_speaker_is_what_was_asked_for():
    report = diarized([TALK], speech(TURNS), speakers=1)
    assert {segment.label for segment in report.segments} == {"speaker_1"}
    assert not report.is_low_confidence


def test_the_number_that_is_named_is_not_forced_where_it_explains_no_more_than_one():
    block, turns = voices.conversation([LOW] * 4, 3.0)
    report = diarized([block], speech(turns), speakers=6)
    assert report.is_low_confidence
    assert report.reason


def test_no_more_speakers_are_found_than_are_looked_for():
    block, turns = voices.conversation([LOW, HIGH, MIDDLE] * 2, 3.0)
    assert diarized([block], speech(turns), max_speakers=2).n_speakers == 2


def test_confidence_lies_between_0_and_1():
    report = diarized([TALK], speech(TURNS))
    assert all(0.0 <= segment.confidence <= 1.0 for segment in report.segments)


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, len(SHORT)), max_size=8).map(sorted))
def test_the_result_does_not_depend_on_how_the_stream_is_cut(cuts):
    def frames(blocks):
        voice = VoiceFrames(MONO)
        return np.concatenate([*(voice.process(block) for block in blocks), voice.flush()])

    np.testing.assert_array_equal(frames(split_at(SHORT, cuts)), frames([SHORT]))


def test_the_report_is_the_same_for_blocks_of_20_ms_and_for_the_whole():
    cut = split_at(TALK, range(320, len(TALK), 320))
    assert diarized(cut, speech(TURNS)) == diarized([TALK], speech(TURNS))


def test_two_runs_say_the_same_and_reset_forgets():
    diarizer = Diarizer(MONO, SpeakerSettings(speakers=2))
    diarizer.process(TALK)
    first = diarizer.finish(speech(TURNS))
    diarizer.reset()
    diarizer.process(TALK)
    assert diarizer.finish(speech(TURNS)) == first


def test_channels_of_opposite_polarity_do_not_cancel():
    stereo = np.ascontiguousarray(np.concatenate([TALK, -TALK], axis=1))
    report = diarized([stereo], speech(TURNS), StreamFormat(16000, 2), speakers=2)
    assert turns_of(report) == turns_of(diarized([TALK], speech(TURNS), speakers=2))


def test_level_does_not_matter():
    loud = TALK * np.float32(0.9 / np.abs(TALK).max())
    report = diarized([loud], speech(TURNS), speakers=2)
    assert turns_of(report) == turns_of(diarized([TALK], speech(TURNS), speakers=2))


@pytest.mark.parametrize(
    "block",
    [
        MONO.silence(0),
        MONO.silence(1),
        MONO.silence(48000),
        np.full((48000, 1), 0.5, np.float32),
        np.ones((48000, 1), np.float32),
        np.tile(np.float32([[1.0], [-1.0]]), (24000, 1)),
    ],
    ids=["empty", "one sample", "silence", "DC", "full-scale DC", "full-scale square"],
)
@pytest.mark.parametrize("n_speakers", [0, 2])
def test_what_is_no_speech_is_one_speaker_without_an_error(block, n_speakers):
    pieces = [Segment(0.0, len(block) / 16000)] if len(block) else []
    report = diarized([block], pieces, speakers=n_speakers)
    assert report.n_speakers == len(pieces)
    assert [segment.label for segment in report.segments] == ["speaker_1"] * len(pieces)


def test_no_speech_is_no_speaker():
    report = diarized([TALK], [])
    assert report.segments == []
    assert report.n_speakers == 0
    assert not report.is_low_confidence


def test_little_speech_is_one_speaker_with_low_confidence():
    report = diarized([TALK[:12000]], [Segment(0.1, 0.6)])
    assert report.n_speakers == 1
    assert report.is_low_confidence


def test_a_rate_below_8_khz_is_refused():
    with pytest.raises(SettingError, match="8000 Hz or more"):
        Diarizer(StreamFormat(7999))


@pytest.mark.parametrize(
    "wrong",
    [{"speakers": 21}, {"speakers": -1}, {"max_speakers": 0}, {"min_turn_ms": -1.0},
     {"min_turn_ms": float("nan")}, {"overlap": "guess"}],
)  # fmt: skip
def test_settings_that_cannot_be_honoured_are_refused(wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        SpeakerSettings(**wrong)


@pytest.mark.parametrize("clip", ["diarizationExample", "diarizationExample2"])
def test_conversations_are_diarized_within_12_percent_when_the_number_is_known(recordings, clip):
    import soundfile

    folder = recordings / "diarization"
    samples, rate = soundfile.read(folder / f"{clip}.flac", dtype="float32", always_2d=True)
    rows = [line.split() for line in (folder / f"{clip}.segments").read_text().splitlines()]
    turns = [(float(row[0]), float(row[1]), row[2]) for row in rows if row]
    report = diarized(
        [samples],
        [Segment(0.0, len(samples) / rate)],
        StreamFormat(rate),
        speakers=len({name for *_, name in turns}),
        overlap="keep",
    )
    assert error_rate(turns, turns_of(report), collar_s=0.25) <= 0.12
