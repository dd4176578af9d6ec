"""``audiokit features`` over folders that are not as they should be, and beside other results."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from audiokit.stage import StreamFormat
from audiokit.testing import speechlike

FAMILIES = ("--families", "energy")


def write_speech(path, seconds=1.0, *, sample_rate=16000):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, speechlike(StreamFormat(sample_rate), seconds), sample_rate)
    return path


@pytest.fixture
def takes(tmp_path):
    """A folder with one recording."""
    write_speech(tmp_path / "takes" / "a.wav")
    return tmp_path / "takes"


def ok(done):
    assert done.returncode == 0, done.stderr
    return done


def test_the_files_of_another_command_in_the_same_folder_stay(audiokit, takes, tmp_path):
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    ok(audiokit("segment", takes, "-o", out, "--plot"))
    before = {path.name: path.read_bytes() for path in out.glob("a*")}
    assert sorted(before) == ["a.json", "a.png"]
    options = ("--format", "npz,npy,ark", "--plot", *FAMILIES)
    ok(audiokit("features", takes, "-o", out, *options))
    assert {name: (out / name).read_bytes() for name in before} == before
    visible = sorted({path.name for path in out.glob("a*")} - set(before))
    assert visible == ["a.ark", "a.ark.json", "a.ark.scp", "a.features.png", "a.npy",
                       "a.npy.json", "a.npz"]  # fmt: skip
    assert json.loads((out / "a.npy.json").read_text())["schema"] == "audiokit.features/1"


@pytest.fixture
def mixed(tmp_path):
    """Two recordings of different rates."""
    write_speech(tmp_path / "mixed" / "a.wav")
    write_speech(tmp_path / "mixed" / "b.wav", sample_rate=22050)
    return tmp_path / "mixed"


@pytest.mark.parametrize("families", ["mel", "spectrum"])
def test_a_table_of_mixed_rates_is_refused_by_the_names_of_both(
    audiokit, mixed, tmp_path, families
):
    options = ("--per", "file", "--format", "parquet", "--families", families)
    done = audiokit("features", mixed, "-o", tmp_path / "f", *options)
    summary, said = done.stderr.splitlines()[-2:]
    assert done.returncode == 2
    assert summary == "audiokit: 2 ok; 0.0 minutes of audio."
    assert said == (
        f"audiokit: {mixed / 'b.wav'}: sample_rate is 22050, expected 16000, as {mixed / 'a.wav'} "
        "has, for both to go together. Add --sample-rate 16000."
    )
    assert not (tmp_path / "f" / "features.parquet").exists()
    ok(audiokit("features", mixed, "-o", tmp_path / "f", *options, "--sample-rate", 16000))
    assert pq.read_table(tmp_path / "f" / "features.parquet").num_rows == 2


def test_statistics_of_mixed_rates_are_refused_and_failures_are_told_first(
    audiokit, mixed, tmp_path
):
    (mixed / "bad.wav").write_text("no audio")
    stats = tmp_path / "stats.json"
    done = audiokit("features", mixed, "--save-stats", stats, *FAMILIES)
    failed, summary, said = done.stderr.splitlines()[-3:]
    assert done.returncode == 2
    assert failed.startswith(f"audiokit: failed: {mixed / 'bad.wav'}")
    assert summary.startswith("audiokit: 2 ok, 1 failed")
    assert said.startswith(f"audiokit: {mixed / 'b.wav'}: sample_rate is 22050")
    assert said.endswith("Add --sample-rate 16000.")
    assert not stats.exists()


def test_equal_names_in_two_folders_have_keys_of_their_own_in_kaldi(audiokit, tmp_path):
    for name in ("a/x.wav", "b/x.wav", "x.wav", "y.wav", "y.flac"):
        write_speech(tmp_path / "in" / name)
    out = tmp_path / "f"
    ok(audiokit("features", tmp_path / "in", "-o", out, "--format", "npz,ark", *FAMILIES))
    lines = [line.split() for line in (out / "feats.scp").read_text().splitlines()]
    assert lines == [
        ["a-x", f"{out}/a/x.ark:4"],
        ["b-x", f"{out}/b/x.ark:4"],
        ["x", f"{out}/x.ark:2"],
        ["y.flac", f"{out}/y.flac.ark:7"],
        ["y.wav", f"{out}/y.wav.ark:6"],
    ]
    assert (out / "a" / "x.ark").read_bytes().startswith(b"a-x \0BFM ")


def test_two_recordings_that_kaldi_could_not_tell_apart_are_named(audiokit, tmp_path):
    for name in ("a/x.wav", "a-x.wav"):
        write_speech(tmp_path / "in" / name)
    done = audiokit(
        "features", tmp_path / "in", "-o", tmp_path / "f", "--format", "ark", *FAMILIES
    )
    assert done.returncode == 2
    assert "a-x.wav" in done.stderr
    assert f"{tmp_path}/in/a/x.wav" in done.stderr
    assert "Rename one" in done.stderr


def test_no_recording_takes_the_name_of_what_is_gathered(audiokit, tmp_path):
    for name in ("feats.wav", "other.wav"):
        write_speech(tmp_path / "in" / name)
    out = tmp_path / "f"
    ok(audiokit("features", tmp_path / "in", "-o", out, "--format", "ark", *FAMILIES))
    keys = [line.split()[0] for line in (out / "feats.scp").read_text().splitlines()]
    assert keys == ["feats", "other"]
    row = json.loads((out / "manifest.jsonl").read_text().splitlines()[0])
    assert (out / row["features_scp"]).read_text() == f"feats {out}/feats.ark:6\n"


def test_labels_of_another_recording_are_told(audiokit, takes, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("source,start_s,end_s\nben,0,1\nanna,0,1\nben,1,2\n")
    options = ("--per", "segment", "--labels", table, *FAMILIES)
    done = ok(audiokit("features", takes / "a.wav", "-o", tmp_path / "s.npz", *options))
    assert f"{table} names no segment of a, but of anna, ben" in done.stderr


def test_segments_end_where_the_recording_does(audiokit, takes, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("start_s,end_s\n0.5,9.0\n0.25,0.75\n7,8\n")
    options = ("--per", "segment", "--labels", table, *FAMILIES)
    done = ok(audiokit("features", takes / "a.wav", "-o", tmp_path / "s.npz", *options))
    with np.load(tmp_path / "s.npz") as found:
        assert found["start_s"].tolist() == [0.25, 0.5]
        assert found["end_s"].tolist() == [0.75, 1.0]
    assert "1 segment ends after the recording, at 1 s, and is cut there" in done.stderr
    assert "1 segment holds no frame and has no row" in done.stderr


def test_a_segment_without_length_is_one_sentence(audiokit, takes, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("start_s,end_s\n9.0,8.0\n")
    options = ("--per", "segment", "--labels", table, *FAMILIES)
    done = audiokit("features", takes / "a.wav", "-o", tmp_path / "s.npz", *options)
    assert done.returncode == 1
    assert done.stderr == (
        f"audiokit: {table}: holds a segment whose end_s is 8.0, expected more than start_s, "
        "9.0 s. Write it anew.\n"
    )


def test_statistics_that_may_not_be_written_name_their_own_option(audiokit, takes, tmp_path):
    # A folder cannot be made where a file lies, whoever asks.
    target = tmp_path / "takes" / "a.wav" / "stats.json"
    done = audiokit("features", takes, "--save-stats", target, *FAMILIES)
    assert done.returncode == 1
    assert "--out" not in done.stderr
    assert done.stderr.splitlines()[-1].endswith("Choose another file with --save-stats.")


def test_a_dry_run_names_the_files_that_would_be_there(audiokit, takes, tmp_path):
    stats = tmp_path / "stats.json"
    done = ok(audiokit("features", takes, "--save-stats", stats, "--dry-run", "--json"))
    assert json.loads(done.stdout)["rows"] == [
        {"source": str(takes / "a.wav"), "statistics": str(stats)}
    ]
    options = ("--per", "file", "--format", "parquet", "--dry-run", "--json")
    done = ok(audiokit("features", takes, "-o", tmp_path / "f", *options))
    assert json.loads(done.stdout)["rows"][0]["features"] == "features.parquet"


def test_one_row_is_not_called_rows(audiokit, takes, tmp_path):
    done = ok(audiokit("features", takes / "a.wav", "-o", tmp_path / "a.npz", "--per", "file"))
    assert done.stderr.endswith("a.npz: 1.0 s, 1 row.\n")


def test_hdf5_goes_by_either_ending(audiokit, takes, tmp_path):
    h5py = pytest.importorskip("h5py")
    for name in ("a.h5", "a.hdf5"):
        ok(audiokit("features", takes / "a.wav", "-o", tmp_path / name, *FAMILIES))
        with h5py.File(tmp_path / name) as found:
            assert found["energy"].shape == (101, 1)
    done = audiokit("features", takes / "a.wav", "-o", tmp_path / "b.hdf5", "--format", "npz")
    assert "expected hdf5, as in" in done.stderr


def test_a_recording_shorter_than_a_frame_is_a_failed_row(audiokit, tmp_path):
    source = write_speech(tmp_path / "short.wav", 0.02)
    done = audiokit("features", source, "-o", tmp_path / "s.npz", "--preset", "kaldi")
    assert done.returncode == 1
    assert "short.wav: is shorter than a frame, expected 25 ms or more" in done.stderr
    assert not (tmp_path / "s.npz").exists()


def test_a_misspelt_family_is_told_the_nearest(audiokit, takes, tmp_path):
    done = audiokit("features", takes, "-o", tmp_path / "f", "--families", "mel,mfccc")
    assert done.returncode == 2
    assert "'mfccc'" in done.stderr
    assert "mfcc" in done.stderr.replace("mfccc", "")
    assert not (tmp_path / "f").exists()
