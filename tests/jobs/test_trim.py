"""Recordings without their silence: what is kept is as it was, and the map knows where from."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from audiokit.cli.app import app
from audiokit.errors import SettingError
from audiokit.files.write import WriteSettings
from audiokit.jobs.segmentation import SegmentReport
from audiokit.jobs.trim import TrimSettings, TrimWriter
from audiokit.stage import StreamFormat
from audiokit.testing import split_at
from audiokit.vad.segments import Segment
from audiokit.vad.time_map import TimeMap

FMT = StreamFormat(8000, 2)


def noise(seconds):
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, (int(8000 * seconds), 2))
    return samples.astype(np.float32)


def trimmed(tmp_path, block, times_s, cuts=(), **chosen):
    audio, time_map = tmp_path / "out.wav", tmp_path / "map.json"
    writer = TrimWriter(
        FMT,
        audio,
        time_map=time_map,
        scratch=tmp_path,
        write_settings=WriteSettings("wav", bit_depth="float"),
        settings=TrimSettings(**chosen),
    )
    for piece in split_at(block, cuts):
        writer.write(piece)
    segments = [Segment(a, b) for a, b in times_s]
    writer.finish(SegmentReport(segments, np.zeros(0, np.float32), len(block) / 8000))
    writer.close()
    samples, _ = soundfile.read(audio, dtype="float32", always_2d=True)
    return samples, TimeMap.from_json(time_map.read_text()), writer.facts()


def test_only_the_ends_go_and_the_rest_is_as_it_was(tmp_path):
    block = noise(10)
    kept, time_map, facts = trimmed(tmp_path, block, [(2.0, 3.0), (7.0, 8.0)], edge_ms=100.0)
    assert time_map.kept == [(1.9, 8.1)]
    assert facts == {"trim_kept_s": 6.2}
    # Fades take 40 samples at each end.
    np.testing.assert_array_equal(kept[40:-40], block[15200 + 40 : 64800 - 40])
    assert np.abs(kept[:40]).max() < np.abs(block[15200:15240]).max()


def test_long_pauses_lose_their_middle_and_times_come_back(tmp_path):
    block = noise(10)
    kept, time_map, _ = trimmed(
        tmp_path, block, [(2.0, 3.0), (3.3, 4.0), (7.0, 8.0)], max_pause_ms=400.0, edge_ms=0.0
    )
    assert time_map.kept == [(2.0, 4.2), (6.8, 8.0)]
    assert len(kept) == 8000 * 34 // 10
    for time_s in (2.5, 3.15, 7.9):
        at = round(time_map.to_cut_s(time_s) * 8000)
        np.testing.assert_array_equal(kept[at], block[round(time_s * 8000)])
    assert time_map.to_source_s(time_map.to_cut_s(7.9)) == pytest.approx(7.9)


def test_any_cutting_writes_the_same(tmp_path):
    block, times_s = noise(4), [(0.5, 1.0), (2.0, 2.6)]
    whole, _, _ = trimmed(tmp_path, block, times_s, max_pause_ms=100.0)
    pieces, _, _ = trimmed(
        tmp_path, block, times_s, cuts=[1, 160, 4001, 16000, 20000], max_pause_ms=100.0
    )
    np.testing.assert_array_equal(pieces, whole)


def test_where_nobody_speaks_all_is_kept(tmp_path):
    block = noise(1)
    kept, time_map, _ = trimmed(tmp_path, block, [])
    np.testing.assert_array_equal(kept, block)
    assert time_map.removed == []


def test_the_command_writes_sound_and_map_beside_the_labels(tmp_path):
    source = tmp_path / "in" / "take.wav"
    source.parent.mkdir()
    block = np.zeros((8000 * 4, 1), np.float32)
    time_s = np.arange(8000) / 8000
    buzz = sum(np.sin(2 * np.pi * 140 * k * time_s) / k for k in range(1, 20))
    block[12000:20000, 0] = 0.1 * buzz
    soundfile.write(source, block + 1e-3 * noise(4)[:, :1], 8000)
    out = tmp_path / "out"
    flags = ["-o", str(out), "--trim", "flac", "--engine", "energy"]
    result = CliRunner().invoke(app, ["segment", str(source.parent), *flags])
    assert result.exit_code == 0, result.output
    assert 1.0 < soundfile.info(out / "trim" / "take.flac").duration < 1.7
    assert json.loads((out / "trim" / "take.json").read_text())["n_samples"] == 32000
    assert (out / "take.json").is_file()


@pytest.mark.parametrize("chosen", [{"edge_ms": -1.0}, {"max_pause_ms": 10.0}])
def test_settings_out_of_range_are_named(chosen):
    with pytest.raises(SettingError, match=next(iter(chosen))):
        TrimSettings(**chosen)
