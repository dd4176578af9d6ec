"""``audiokit process`` as its user meets it: a dataset, again, interrupted, refused."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

PROCESS = [sys.executable, "-m", "audiokit", "process"]


@pytest.fixture(scope="module")
def few(samples, tmp_path_factory):
    """A folder of three clips in two folders."""
    folder = tmp_path_factory.mktemp("few")
    clips = sorted(samples.glob("*.wav"))[:2] + sorted(samples.glob("*.flac"))[:1]
    for index, clip in enumerate(clips):
        place = folder / ("a" if index else "b")
        place.mkdir(exist_ok=True)
        shutil.copy(clip, place)
    return folder


@pytest.fixture(scope="module")
def dataset(few, tmp_path_factory):
    """What `process` made of them."""
    out = tmp_path_factory.mktemp("dataset")
    subprocess.run([*PROCESS, str(few), "-o", str(out), "-q"], check=True, timeout=120)
    return out


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".audiokit" not in path.parts
    }


def manifest_of(out):
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def test_each_recording_gives_audio_labels_features_and_a_row(dataset):
    rows = manifest_of(dataset)
    assert [row["status"] for row in rows] == ["ok"] * 3
    for row in rows:
        audio, rate = soundfile.read(dataset / row["audio"])
        assert (rate, audio.ndim) == (16000, 1)
        assert len(audio) / rate == pytest.approx(row["duration_s"], abs=1 / rate)
        labels = json.loads((dataset / row["segments"]).read_text())
        assert len(labels["segments"]) == row["n_segments"]
        with np.load(dataset / row["features"]) as features:
            assert features["mel"].shape[0] == row["n_frames"]
            assert features["mel"].shape[1] == len(features["mel_columns"])
            assert np.isfinite(features["mfcc"]).all()


def test_the_tree_of_the_input_is_mirrored(few, dataset):
    sources = {path.relative_to(few).with_suffix("") for path in few.rglob("*.*")}
    audio = dataset / "audio"
    assert {path.relative_to(audio).with_suffix("") for path in audio.rglob("*.flac")} == sources


def test_the_parquet_manifest_holds_the_same_rows(dataset):
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(dataset / "manifest.parquet").to_pylist()
    for row, line in zip(table, manifest_of(dataset), strict=True):
        assert {name: row[name] for name in line} == line


@pytest.mark.parametrize(
    "options", [["-j", "1"], ["-j", "2"], ["-j", "2", "--backend", "threading"]]
)
def test_workers_and_back_ends_change_no_byte(few, dataset, tmp_path, options):
    subprocess.run(
        [*PROCESS, str(few), "-o", str(tmp_path), "-q", *options], check=True, timeout=120
    )
    assert contents(tmp_path) == contents(dataset)


def test_a_second_run_does_nothing_and_changes_nothing(few, tmp_path):
    command = [*PROCESS, str(few), "-o", str(tmp_path)]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "audio").rglob("*.flac")}
    again = subprocess.run(command, check=True, timeout=120, capture_output=True, text=True)
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert "3" in again.stderr
    assert not again.stdout


def test_changed_settings_do_the_work_again(few, tmp_path):
    subprocess.run([*PROCESS, str(few), "-o", str(tmp_path), "-q"], check=True, timeout=120)
    louder = [*PROCESS, str(few), "-o", str(tmp_path), "-q", "--set", "loudness.target_lufs=-30"]
    subprocess.run(louder, check=True, timeout=120)
    for row in manifest_of(tmp_path):
        assert row["out_loudness_lufs"] == pytest.approx(-30, abs=0.5)


def test_one_bad_file_is_one_row_and_exit_code_1(few, tmp_path, audiokit):
    bad = tmp_path / "in"
    shutil.copytree(few, bad)
    (bad / "not-audio.wav").write_text("this is no audio")
    (bad / "empty.wav").touch()
    done = audiokit("process", bad, "-o", tmp_path / "out", "--format", "jsonl")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert sorted(row["status"] for row in rows) == ["failed"] * 2 + ["ok"] * 3
    assert "Traceback" not in done.stderr
    errors = {row["source"].rpartition("/")[2]: row["error_type"] for row in rows if row["error"]}
    assert errors["empty.wav"] == "EmptyError"
    assert errors["not-audio.wav"] in {"FormatError", "CorruptError"}
    assert done.stderr.count("audiokit: failed: ") == 2


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "table"])
def test_every_output_format_is_clean(few, tmp_path, audiokit, form):
    done = audiokit("process", few, "-o", tmp_path / "out", "--format", form)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    if form == "json":
        document = json.loads(done.stdout)
        assert document["schema"] == "audiokit.process/1"
        assert len(document["rows"]) == 3
    elif form == "jsonl":
        assert len([json.loads(line) for line in done.stdout.splitlines()]) == 3
    elif form == "csv":
        assert len(list(csv.DictReader(io.StringIO(done.stdout)))) == 3
    else:
        assert len(done.stdout.splitlines()) == 4


def test_rows_come_in_the_order_of_the_sources(few, tmp_path, audiokit):
    done = audiokit("process", few, "-o", tmp_path / "out", "--json", "-j", "2")
    sources = [row["source"] for row in json.loads(done.stdout)["rows"]]
    assert sources == sorted(sources)


def test_a_dry_run_writes_nothing(few, tmp_path, audiokit):
    done = audiokit("process", few, "-o", tmp_path / "out", "--dry-run", "--json")
    assert len(json.loads(done.stdout)["rows"]) == 3
    assert not (tmp_path / "out").exists()


def test_nothing_found_is_exit_code_3(tmp_path, audiokit):
    (tmp_path / "in").mkdir()
    done = audiokit("process", tmp_path / "in", "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-r", "speach"], "Did you mean speech"),
        (["--set", "loudness.target=-3"], "Did you mean target_lufs"),
        (["--set", "highpass.cutoff_hz=low"], "expected a number"),
        (["--raw-format", "s99"], "raw"),
    ],
)
def test_a_wrong_setting_is_exit_code_2_and_one_line(few, tmp_path, audiokit, options, message):
    done = audiokit("process", few, "-o", tmp_path / "out", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_environment_and_the_file_set_what_flags_do_not(few, tmp_path, audiokit):
    (tmp_path / "audiokit.toml").write_text('[process]\nrecipe = "asr"\n')
    done = audiokit("process", few, "-o", tmp_path / "out", "--json")
    assert json.loads(done.stdout)["rows"][0]["recipe"] == "asr"
    env = {"AUDIOKIT_PROCESS_RECIPE": "telephone"}
    done = audiokit("process", few, "-o", tmp_path / "out2", "--json", env=env)
    assert json.loads(done.stdout)["rows"][0]["recipe"] == "telephone"


def test_ctrl_c_ends_with_130_and_no_half_file(samples, tmp_path):
    many = tmp_path / "in"
    for index in range(30):
        shutil.copytree(
            samples, many / f"{index:02}", ignore=shutil.ignore_patterns("*.py", "*.csv")
        )
    out = tmp_path / "out"
    run = subprocess.Popen(
        [*PROCESS, str(many), "-o", str(out), "-j", "1"],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(out.glob("audio/**/*.flac")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT)
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "Traceback" not in stderr
    assert not list(out.rglob("*.part"))
    for path in out.glob("audio/**/*.flac"):
        soundfile.read(path)


def test_a_killed_run_goes_on_to_the_same_bytes(samples, tmp_path):
    many = tmp_path / "in"
    for index in range(10):
        shutil.copytree(
            samples, many / f"{index:02}", ignore=shutil.ignore_patterns("*.py", "*.csv")
        )
    out, whole = tmp_path / "out", tmp_path / "whole"
    command = [*PROCESS, str(many), "-q", "-o"]
    subprocess.run([*command, str(whole)], check=True, timeout=300)
    run = subprocess.Popen([*command, str(out)], start_new_session=True)
    deadline = time.monotonic() + 60
    while len(list(out.glob("audio/**/*.flac"))) < 8 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    done = {path: path.stat().st_mtime_ns for path in out.glob("audio/**/*.flac")}
    subprocess.run([*command, str(out)], check=True, timeout=300)
    assert contents(out) == contents(whole)
    redone = [path for path, stamp in done.items() if path.stat().st_mtime_ns != stamp]
    # A file may be renamed into place and its worker killed before the row is on record.
    assert len(redone) <= os.cpu_count()


def test_a_source_is_never_replaced(few, tmp_path, audiokit):
    take = tmp_path / "in" / "take.wav"
    take.parent.mkdir()
    shutil.copy(next(few.rglob("*.wav")), take)
    before = take.read_bytes()
    for arguments in (
        ["denoise", take, "-o", take.parent],
        ["denoise", take, "-o", take.parent, "--overwrite"],
        ["denoise", take, "-o", take, "--overwrite"],
        ["denoise", take, "-o", ""],
    ):
        done = audiokit(*arguments, cwd=take.parent)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert take.read_bytes() == before
    assert [path.name for path in take.parent.iterdir()] == ["take.wav"]


def test_a_file_that_no_run_made_is_not_replaced_unasked(few, tmp_path, audiokit):
    out = tmp_path / "out"
    out.mkdir()
    (out / "manifest.jsonl").write_text("mine")
    done = audiokit("process", few, "-o", out)
    assert (done.returncode, (out / "manifest.jsonl").read_text()) == (2, "mine")
    assert "--overwrite" in done.stderr
    assert audiokit("process", few, "-o", out, "--overwrite").returncode == 0


def test_an_output_that_was_changed_is_made_anew(few, tmp_path, audiokit):
    out = tmp_path / "out"
    audiokit("process", few, "-o", out)
    before = contents(out)
    next(out.glob("audio/**/*.flac")).write_bytes(b"tampered")
    audiokit("process", few, "-o", out)
    assert contents(out) == before


def test_a_second_run_adds_to_the_manifest(few, tmp_path, audiokit):
    out = tmp_path / "out"
    audiokit("process", few / "a", "-o", out)
    audiokit("process", few / "b", "-o", out)
    assert sorted(row["source"].split("/")[-2] for row in manifest_of(out)) == ["a", "a", "b"]


def test_a_name_that_is_no_text_is_only_escaped(few, tmp_path, audiokit):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(next(few.rglob("*.wav")), os.fsencode(folder) + b"/bad\xff.wav")
    done = audiokit("process", folder, "-o", tmp_path / "out", "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    assert manifest_of(tmp_path / "out")[0]["source"].endswith("bad\\udcff.wav")


def test_a_full_disk_fails_rows_and_leaves_no_half_file(samples, tmp_path, audiokit):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if (
        shutil.which("mount") is None
        or subprocess.run(mount, check=False, capture_output=True).returncode
    ):
        pytest.skip("mounting a small disk is not permitted here")
    try:
        done = audiokit("process", samples, "-o", disk / "out", "--json")
        rows = json.loads(done.stdout)["rows"]
        assert done.returncode == 1
        assert {row["status"] for row in rows} == {"ok", "failed"}
        assert {row["error_type"] for row in rows} == {None, "DiskFullError"}
        for row in rows:
            place = disk / "out" / "audio" / row["source"].rpartition("/")[2]
            assert place.with_suffix(".flac").exists() == (row["status"] == "ok")
        assert not list(disk.rglob("*.part"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)
