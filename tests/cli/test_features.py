"""``audiokit features`` as its user runs it: normalised, summed up, in files and streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from audiokit.features import FeatureExtractor, FeatureSettings
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, speechlike

FMT = StreamFormat(16000)
FAMILIES = ("--families", "mel,energy", "--n-mels", "24")


def write_speech(path, seconds, *, level=1.0, start=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    speech = speechlike(FMT, 4.0)[start : start + round(seconds * 16000)]
    soundfile.write(path, level * speech, 16000, subtype="PCM_16")
    return path


@pytest.fixture
def folder(tmp_path):
    """Two recordings of anna and one of ben, in a folder each."""
    write_speech(tmp_path / "in" / "anna" / "a.wav", 1.5)
    write_speech(tmp_path / "in" / "anna" / "b.wav", 1.0, level=0.2, start=8000)
    write_speech(tmp_path / "in" / "ben" / "c.wav", 1.2, level=0.5, start=16000)
    return tmp_path / "in"


@pytest.fixture
def take(tmp_path):
    return write_speech(tmp_path / "take.wav", 1.5)


def rows_of(path):
    block, _ = soundfile.read(path, dtype="float32", always_2d=True)
    return analyze(
        FeatureExtractor(FMT, FeatureSettings(families=("mel", "energy"), n_mels=24)), [block]
    )


def ok(done):
    assert done.returncode == 0, done.stderr
    return done


def table_of(archive):
    with np.load(archive) as loaded:
        return np.concatenate([loaded["mel"], loaded["energy"]], axis=1)


def test_a_folder_of_recordings_loads_in_pandas(audiokit, recordings, tmp_path):
    pandas = pytest.importorskip("pandas")
    ok(audiokit("features", recordings / "speech", "-o", tmp_path / "f", "--format", "parquet",
                "--include", "cmu_*"))  # fmt: skip
    found = sorted((tmp_path / "f").glob("*.parquet"))
    tables = [pandas.read_parquet(path) for path in found if path.stem != "manifest"]
    assert len(tables) == 5
    for table in tables:
        assert table.columns[0] == "time_s"
        assert {"mel_00_db", "energy_dbfs"} <= set(table.columns)
        np.testing.assert_allclose(np.diff(table.time_s), 0.01)
        assert np.isfinite(table.to_numpy()).all()


def test_one_file_a_row_makes_one_table_of_a_folder(audiokit, folder, tmp_path):
    out = tmp_path / "f"
    ok(audiokit("features", folder, "-o", out, "--per", "file", "--format", "parquet", *FAMILIES))
    table = pq.read_table(out / "features.parquet").to_pandas()
    assert [source[-5:] for source in table.source] == ["a.wav", "b.wav", "c.wav"]
    np.testing.assert_allclose(table.end_s, [1.5, 1.0, 1.2])
    rows = rows_of(folder / "anna" / "a.wav").astype(np.float64)
    assert table.mel_00_db_mean[0] == pytest.approx(rows[:, 0].mean(), rel=1e-6)
    assert table.energy_dbfs_p50[0] == pytest.approx(np.median(rows[:, -1]), rel=1e-6)
    assert "energy_dbfs_slope_per_s" in table
    visible = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
    assert visible == ["features.parquet", "manifest.jsonl", "manifest.parquet"]


def test_a_table_of_windows_has_a_row_each(audiokit, take, tmp_path):
    ok(audiokit("features", take, "-o", tmp_path / "w.parquet", "--per", "window",
                "--window-s", 0.5, "--summary", "max,p25", *FAMILIES))  # fmt: skip
    table = pq.read_table(tmp_path / "w.parquet").to_pandas()
    np.testing.assert_allclose(table.start_s, [0.0, 0.5, 1.0])
    assert table.columns[4:6].tolist() == ["mel_00_db_max", "mel_00_db_p25"]
    assert table.mel_00_db_max[1] == rows_of(take)[50:100, 0].max()


@pytest.mark.parametrize("kind", ["rttm", "csv", "folder"])
def test_labels_name_the_segments(audiokit, take, tmp_path, kind):
    labels = tmp_path / ("labels.csv" if kind == "csv" else "labels/take.rttm")
    labels.parent.mkdir(exist_ok=True)
    if kind == "csv":
        labels.write_text("start_s,end_s,label\n0.2,0.5,ann\n0.5,1.0,ben\n0.001,0.002,tiny\n")
    else:
        start = "SPEAKER take 1"
        lines = ["0.2 0.3 <NA> <NA> ann <NA> <NA>", "0.5 0.5 <NA> <NA> ben <NA> <NA>"]
        labels.write_text("".join(f"{start} {line}\n" for line in lines))
    named = labels.parent if kind == "folder" else labels
    done = ok(audiokit("features", take, "-o", tmp_path / "s.npz", "--per", "segment",
                       "--labels", named, "--summary", "mean", *FAMILIES))  # fmt: skip
    with np.load(tmp_path / "s.npz") as found:
        assert found["label"].tolist() == ["ann", "ben"]
        np.testing.assert_allclose(found["end_s"], [0.5, 1.0])
        expected = rows_of(take)[20:50, :24].astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(found["mel"][0], expected, rtol=1e-6)
    assert ("holds no frame" in done.stderr) == (kind == "csv")


def test_our_own_detector_finds_segments_where_none_are_named(audiokit, samples, tmp_path):
    source = samples / "clean_en.wav"
    ok(audiokit("features", source, "-o", tmp_path / "s.npz", "--per", "segment", *FAMILIES))
    with np.load(tmp_path / "s.npz") as found:
        assert len(found["start_s"]) == len(found["mel"]) >= 1


def test_an_utterance_is_normalised_by_itself(audiokit, take, tmp_path):
    ok(audiokit("features", take, "-o", tmp_path / "u.npz", "--normalize", "utterance", *FAMILIES))
    rows = table_of(tmp_path / "u.npz")
    np.testing.assert_allclose(rows.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(rows.std(axis=0), 1.0, atol=1e-5)


def test_a_speaker_is_normalised_over_all_recordings(audiokit, folder, tmp_path):
    stats = tmp_path / "stats.json"
    ok(audiokit("features", folder, "--save-stats", stats, *FAMILIES))
    known = json.loads(stats.read_text())
    assert sorted(known["speakers"]) == ["anna", "ben"]
    assert known["speakers"]["ben"]["count"] == 121
    ok(audiokit("features", folder, "-o", tmp_path / "n", "--normalize", "speaker", "--stats",
                stats, *FAMILIES))  # fmt: skip
    anna = np.concatenate([table_of(tmp_path / "n" / "anna" / f"{name}.npz") for name in "ab"])
    np.testing.assert_allclose(anna.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(anna.std(axis=0), 1.0, atol=1e-5)


def test_a_manifest_says_who_speaks(audiokit, folder, tmp_path):
    people = tmp_path / "people.csv"
    people.write_text("source,who\nin/anna/a.wav,x\nin/anna/b.wav,y\nin/ben/c.wav,x\n")
    stats = tmp_path / "stats.json"
    ok(audiokit("features", folder, "--save-stats", stats, "--speakers", f"{people}:who",
                *FAMILIES))  # fmt: skip
    speakers = json.loads(stats.read_text())["speakers"]
    assert {name: found["count"] for name, found in speakers.items()} == {"x": 272, "y": 101}


def test_saved_statistics_are_the_same_bytes_for_any_number_of_workers(audiokit, folder, tmp_path):
    for jobs in ("1", "2"):
        ok(
            audiokit(
                "features", folder, "--save-stats", tmp_path / jobs, "--jobs", jobs, *FAMILIES
            )
        )
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    again = audiokit("features", folder, "--save-stats", tmp_path / "1", *FAMILIES)
    assert again.returncode == 2
    assert "Add --overwrite to replace it" in again.stderr


def test_statistics_of_other_columns_are_refused(audiokit, take, tmp_path):
    stats = tmp_path / "stats.json"
    ok(audiokit("features", take, "--save-stats", stats, *FAMILIES))
    done = audiokit("features", take, "-o", tmp_path / "f", "--normalize", "zscore", "--stats",
                    stats)  # fmt: skip
    assert done.returncode == 1
    assert "Make them with the same --families" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--normalize", "zscore"), "expected a file of statistics"),
        (("--normalize", "speaker", "--stats", "none.json"), "stats is 'none.json'"),
        (("--labels", "none.rttm"), "expected segment where labels are given"),
        (("--per", "file", "--summary", "middle"), "summary is 'middle'"),
        (("--mean-only",), "with mean_only"),
        (("--format", "xml"), "expected npz or npy"),
    ],
)
def test_what_does_not_go_together_is_refused_before_any_work(
    audiokit, take, tmp_path, options, said
):
    done = audiokit("features", take, "-o", tmp_path / "f", *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("form", ["npz", "npy", "parquet", "ark", "jsonl"])
def test_every_file_says_where_its_frames_lie(audiokit, take, tmp_path, form):
    out = tmp_path / "f"
    ok(audiokit("features", take, "-o", out, "--format", form, *FAMILIES))
    rows = rows_of(take)
    if form == "npz":
        with np.load(out / "take.npz") as loaded:
            rule = json.loads(str(loaded["frame_rule"]))
    elif form == "parquet":
        rule = json.loads(pq.read_schema(out / "take.parquet").metadata[b"frame_rule"])
    else:
        name = "take.features.jsonl" if form == "jsonl" else f"take.{form}.json"
        text = (out / name).read_text()
        index = json.loads(text.splitlines()[0] if form == "jsonl" else text)
        assert (index["first_frame_s"], index["hop_s"]) == (0.0, 0.01)
        assert index["columns"][0] == "mel_00_db"
        rule = index["frame_rule"]
    if form == "npy":
        np.testing.assert_array_equal(np.load(out / "take.npy"), rows)
    if form == "ark":
        assert (out / "feats.scp").read_text() == f"take {out}/take.ark:5\n"
    assert (rule["preset"], rule["sample_rate"], rule["edges"]) == ("librosa", 16000, "zeros")
    assert (rule["window_samples"], rule["hop_samples"], rule["n_fft"]) == (400, 160, 512)


@pytest.mark.parametrize("form", ["hdf5", "zarr"])
def test_what_the_extra_writes_holds_the_rows_and_their_rule(audiokit, take, tmp_path, form):
    package = pytest.importorskip("h5py" if form == "hdf5" else "zarr")
    ok(audiokit("features", take, "-o", tmp_path / "f", "--format", form, *FAMILIES))
    if form == "hdf5":
        found = package.File(tmp_path / "f" / "take.h5")
    else:
        found = package.open_group(str(tmp_path / "f" / "take.zarr"), mode="r")
    rows = np.concatenate([found["mel"][:], found["energy"][:]], axis=1)
    np.testing.assert_array_equal(rows, rows_of(take))
    assert json.loads(found.attrs["frame_rule"])["hop_samples"] == 160


@pytest.mark.parametrize(("form", "package"), [("hdf5", "h5py"), ("zarr", "zarr")])
def test_what_needs_an_extra_says_so_where_it_is_not_there(
    audiokit, take, tmp_path, form, package
):
    absent = tmp_path / "absent" / f"{package}.py"
    absent.parent.mkdir()
    absent.write_text("raise ImportError('as if it were not installed')\n")
    path = os.pathsep.join([str(absent.parent), os.environ.get("PYTHONPATH", "")])
    done = audiokit("features", take, "-o", tmp_path / "f", "--format", form, *FAMILIES,
                    env={"PYTHONPATH": path})  # fmt: skip
    assert done.returncode == 5
    assert "pip install 'audiokit[tables]'" in done.stderr
    assert not (tmp_path / "f").exists()


def live_lines(pieces, *options):
    """Feed ``audiokit features -`` piece by piece; yield its lines as they come."""
    command = [sys.executable, "-m", "audiokit", "features", "-", *options, "-q"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process.stdout.readline
        for piece in pieces:
            process.stdin.write(piece)
            process.stdin.flush()
            yield len(piece)
        process.stdin.close()
        yield process.stdout.read()


def test_a_live_stream_gives_the_lines_of_the_file(audiokit, take):
    samples, _ = soundfile.read(take, dtype="int16")
    raw = samples.tobytes()
    # 20 ms at a time.
    pieces = [raw[start : start + 640] for start in range(0, len(raw), 640)]
    options = ("--raw-format", "s16le:16000", *FAMILIES)
    *_, streamed = live_lines(pieces, *options)
    whole = ok(audiokit("features", take, "--format", "jsonl", *FAMILIES))
    assert streamed.decode() == whole.stdout
    first, *lines = map(json.loads, whole.stdout.splitlines())
    assert first["schema"] == "audiokit.features/1"
    values = np.array([list(line.values())[1:] for line in lines], np.float32)
    np.testing.assert_array_equal(values, rows_of(take))


def test_a_line_comes_as_soon_as_its_frame_is_final(take):
    samples, _ = soundfile.read(take, dtype="int16")
    # Half of it, and no end of the stream: whatever is read now did not wait for one.
    steps = live_lines(
        [samples[:12000].tobytes(), b""], "--raw-format", "s16le:16000", "--families", "energy"
    )
    read_line = next(steps)
    next(steps)
    lines = [json.loads(read_line()) for _ in range(70)]
    assert lines[69]["time_s"] == 0.68
    for _ in steps:
        pass


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.full(16000, np.nan, np.float32), "is nan, expected"),
        (np.zeros(0, np.float32), "holds no samples"),
    ],
    ids=["NaN", "nothing"],
)
def test_bad_recordings_are_failed_rows(audiokit, tmp_path, samples, said):
    soundfile.write(tmp_path / "bad.wav", samples, 16000, subtype="FLOAT")
    done = audiokit("features", tmp_path / "bad.wav", "-o", tmp_path / "f")
    assert done.returncode == 1
    assert said in done.stderr
    assert not list((tmp_path / "f").glob("*.npz"))


@pytest.mark.parametrize("normalize", ["utterance", "sliding", "minmax"])
def test_silence_is_finite_however_it_is_normalised(audiokit, tmp_path, normalize):
    soundfile.write(tmp_path / "silence.wav", np.zeros(16000), 16000)
    ok(audiokit("features", tmp_path / "silence.wav", "-o", tmp_path / "s.npz", "--normalize",
                normalize, "--per", "file", *FAMILIES))  # fmt: skip
    np.testing.assert_array_equal(table_of(tmp_path / "s.npz"), 0.0)


def test_a_picture_lies_beside_the_features(audiokit, take, tmp_path):
    pytest.importorskip("matplotlib")
    for name in ("x", "y"):
        done = audiokit("features", take, "-o", tmp_path / name, "--plot", *FAMILIES)
        ok(done)
    pictures = [(tmp_path / name / "take.features.png").read_bytes() for name in ("x", "y")]
    assert pictures[0] == pictures[1]
    assert pictures[0].startswith(b"\x89PNG")


def test_features_need_a_place(audiokit, folder):
    done = audiokit("features", folder)
    assert done.returncode == 2
    assert "Add -o FOLDER" in done.stderr
