"""AudioSegment in and out."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from audiokit.files.pydub_adapter import (
    export_segment,
    from_audio_segment,
    to_audio_segment,
)
from audiokit.files.read import open_audio
from audiokit.stage import StreamFormat

with warnings.catch_warnings():
    # pydub's own: old regular expressions, audioop, and that no ffmpeg is on the path.
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

RAMP = np.arange(-9000, 9000, 3, dtype=np.int16).reshape(-1, 2)


def test_a_segment_survives_the_round_trip_to_the_bit():
    segment = AudioSegment(RAMP.tobytes(), sample_width=2, frame_rate=22_050, channels=2)
    fmt, block = from_audio_segment(segment)
    assert fmt == StreamFormat(22_050, 2)
    np.testing.assert_array_equal(block, RAMP / np.float32(32768))
    assert to_audio_segment(block, fmt) == segment


@pytest.mark.parametrize(("width_bytes", "kind"), [(1, "<i1"), (4, "<i4")])
def test_other_widths_have_the_same_full_scale(width_bytes, kind):
    lowest, half = -(2 ** (8 * width_bytes - 1)), 2 ** (8 * width_bytes - 2)
    data = np.array([lowest, 0, half], kind).tobytes()
    segment = AudioSegment(data, sample_width=width_bytes, frame_rate=8000, channels=1)
    _, block = from_audio_segment(segment)
    np.testing.assert_array_equal(block[:, 0], [-1.0, 0.0, 0.5])


@pytest.mark.parametrize("name", ["take.wav", "take.flac", "take.mp3", "take.m4a", "take.ogg"])
def test_a_segment_is_exported_with_its_tags_and_no_program(tmp_path, monkeypatch, name):
    monkeypatch.setenv("PATH", "")
    # A tone: what MP3 leaves out of noise would count as a change of level.
    tone = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000).astype(np.float32)[:, None] * 0.3
    segment = to_audio_segment(np.ascontiguousarray(tone, np.float32), StreamFormat(16000))
    export_segment(segment, tmp_path / name, tags={"title": "Zwölf", "artist": "A"})
    with open_audio(tmp_path / name) as reader:
        block = np.concatenate(list(reader.blocks(16000)))
        assert (reader.info.tags["title"], reader.info.tags["artist"]) == ("Zwölf", "A")
    level = np.sqrt(np.mean(block**2) / np.mean(from_audio_segment(segment)[1] ** 2))
    assert level == pytest.approx(1.0, abs=0.05)
