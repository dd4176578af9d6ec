"""``audiokit normalize`` as its user meets it: targets, albums, pipes."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from audiokit.files.read import open_audio
from audiokit.loudness.active_level import ActiveLevelMeter
from audiokit.loudness.meter import LoudnessMeter
from audiokit.stage import StreamFormat
from audiokit.testing import measure, speechlike

FMT = StreamFormat(16000, 1)


def write(path, block):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, block, 16000)
    return path


def decoded(path):
    """Return a file's format and samples."""
    with open_audio(str(path)) as reader:
        return reader.fmt, np.concatenate(list(reader.blocks(1 << 20)))


def heard(path, meter=LoudnessMeter):
    fmt, block = decoded(path)
    return measure(meter(fmt), [block])


def rows_of(done):
    return json.loads(done.stdout)["rows"]


def files_below(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".audiokit" not in path.parts
    }


@pytest.fixture
def take(tmp_path):
    return write(tmp_path / "take.wav", speechlike(FMT, 3.0) * 0.1)


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """Four recordings, 6 dB apart but for the last, which is silent."""
    folder = tmp_path_factory.mktemp("album")
    for name, seed, level in (("1.wav", 1, 0.4), ("2.flac", 2, 0.2), ("cd2/3.wav", 3, 0.1)):
        write(folder / name, speechlike(FMT, 4.0, seed=seed) * level)
    write(folder / "cd2" / "4.wav", FMT.silence(8000))
    return folder


def run(*arguments):
    """Run ``audiokit normalize`` where the fixture, made for each test, is none of use."""
    command = [sys.executable, "-m", "audiokit", "normalize", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(("target", "lufs"), [("podcast", -16), ("-31.5", -31.5)])
def test_a_target_has_a_name_or_a_number(take, tmp_path, audiokit, target, lufs):
    out = tmp_path / "out.wav"
    done = audiokit(
        "normalize", take, "-o", out, "--target-lufs", target, "--ceiling-dbtp", "-0.5"
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    report = heard(out)
    assert report.integrated_lufs == pytest.approx(lufs, abs=0.1)
    assert report.true_peak_dbtp <= -0.5
    # One sentence that says where the level and the peak are.
    (sentence,) = done.stderr.splitlines()
    assert f"{report.integrated_lufs:.1f} LUFS" in sentence
    assert f"{report.true_peak_dbtp:.1f} dBTP" in sentence
    assert "gain +" in sentence


def test_the_speech_level_is_a_target_too(take, tmp_path, audiokit):
    out = tmp_path / "out.wav"
    done = audiokit("normalize", take, "-o", out, "--target-active-dbov", "-26", "--json")
    assert done.returncode == 0, done.stderr
    speech = heard(out, ActiveLevelMeter)
    assert speech.active_level_dbov == pytest.approx(-26, abs=0.1)
    (row,) = rows_of(done)
    assert row["out_active_level_dbov"] == pytest.approx(-26, abs=0.1)
    assert row["active_level_mode"] == "linear"


def test_without_the_limiter_the_ceiling_stops_the_gain_and_the_sentence_says_so(
    take, tmp_path, audiokit
):
    out = tmp_path / "out.wav"
    done = audiokit("normalize", take, "-o", out, "--target-lufs", "-6", "--no-limit")
    assert done.returncode == 0, done.stderr
    assert -1.2 < heard(out).true_peak_dbtp <= -1.0
    assert "ceiling" in done.stderr
    before, after = decoded(take)[1], decoded(out)[1]
    gain = float(np.vdot(before, after) / np.vdot(before, before))
    # One gain throughout: what is left is rounding and dither of 16 bits, before and after.
    np.testing.assert_allclose(after, before * gain, rtol=0, atol=(gain + 3) / 32768)


WRONG = {
    "a typo": (["-o", "x", "--target-lufs", "podcst"], "Did you mean podcast?"),
    "no number": (["-o", "x", "--target-lufs", "nan"], "target_lufs"),
    "above full scale": (["-o", "x", "--target-lufs", "3"], "-70 to 0 LUFS"),
    "two targets": (["-o", "x", "--target-lufs", "-20", "--rms-dbfs", "-20"], "--rms-dbfs"),
    "a target and a peak": (
        ["-o", "x", "--target-active-dbov", "-26", "--peak-dbfs", "-1"],
        "--peak-dbfs",
    ),
    "nowhere to write": ([], "--measure-only"),
    "an empty name": (["-o", ""], "out"),
    "measuring into a folder": (["-o", "x", "--measure-only"], "--measure-only"),
    "another container": (["-o", "x.wav", "--container", "flac"], "container"),
    "a container nobody writes": (["-o", "x.aiff"], ".flac"),
    "the source itself": (["-o", "take.wav", "--overwrite"], "source"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_can_not_be_meant_is_refused_in_one_sentence(take, tmp_path, audiokit, name):
    options, words = WRONG[name]
    before = take.read_bytes()
    done = audiokit("normalize", take, *options)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr
    assert files_below(tmp_path) == {"take.wav": before}


@pytest.mark.parametrize("out", ["all.wav", "-"])
def test_many_sources_do_not_go_into_one_file(album, tmp_path, audiokit, out):
    done = audiokit("normalize", album / "1.wav", album / "2.flac", "-o", out)
    assert (done.returncode, done.stdout) == (2, "")
    assert "folder" in done.stderr
    assert files_below(tmp_path) == {}


def test_measuring_only_tells_levels_and_gain_and_writes_nothing(album, tmp_path, audiokit):
    before = files_below(album)
    done = audiokit("normalize", album, "--measure-only", "--json", "-j", "1")
    assert done.returncode == 0, done.stderr
    assert files_below(album) == before
    assert files_below(tmp_path) == {}
    rows = rows_of(done)
    assert len(rows) == 4
    for row in rows[:3]:
        level_lufs = heard(row["source"]).integrated_lufs
        assert row["integrated_lufs"] == pytest.approx(level_lufs, abs=0.0051)
        assert row["loudness_gain_db"] == pytest.approx(-23 - level_lufs, abs=0.01)
        assert row["loudness_mode"] == "linear"
        assert row["active_level_dbov"] is not None
    assert (rows[3]["loudness_mode"], rows[3]["loudness_reason"]) == ("unchanged", "silence")
    assert rows[3]["integrated_lufs"] is None


def test_a_dry_run_names_the_files_and_writes_none(album, tmp_path, audiokit):
    done = audiokit(
        "normalize", album, "-o", tmp_path / "out", "--together", "--dry-run", "--format", "jsonl"
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["audio"] for row in rows] == ["1.wav", "2.flac", "cd2/3.wav", "cd2/4.wav"]
    assert files_below(tmp_path) == {}


def together(album, out, *options, jobs=1):
    """Return the rows of an album's run; its files are in `out`."""
    done = run(album, "-o", out, "--together", "--json", "-j", jobs, *options)
    assert done.returncode == 0, done.stderr
    return rows_of(done)


@pytest.fixture(scope="module")
def limited(album, tmp_path_factory):
    """An album where peaks are in the way: rows and folder."""
    out = tmp_path_factory.mktemp("limited")
    return together(album, out, "--target-lufs", "-12"), out


def merged_lufs(rows, out):
    blocks = [decoded(out / row["audio"])[1] for row in rows]
    return measure(LoudnessMeter(FMT), blocks).integrated_lufs


def test_together_recordings_keep_their_distances_and_meet_the_target_as_one(album, tmp_path):
    rows = together(album, tmp_path)
    before = [heard(row["source"]).integrated_lufs for row in rows[:3]]
    after = [heard(tmp_path / row["audio"]).integrated_lufs for row in rows[:3]]
    assert np.ptp(np.subtract(after, before)) < 0.01
    assert merged_lufs(rows, tmp_path) == pytest.approx(-23, abs=0.1)
    assert len({row["album_gain_db"] for row in rows}) == 1
    assert {row["album_mode"] for row in rows} == {"linear"}
    assert not decoded(tmp_path / "cd2" / "4.wav")[1].any()


def test_together_behind_a_limiter_the_whole_still_meets_the_target(limited):
    rows, out = limited
    assert "limited" in {row["album_mode"] for row in rows}
    assert len({row["album_gain_db"] for row in rows}) == 1
    assert merged_lufs(rows, out) == pytest.approx(-12, abs=0.1)
    assert max(heard(out / row["audio"]).true_peak_dbtp for row in rows[:3]) <= -1.0


def test_together_without_the_limiter_the_loudest_stops_all(album, tmp_path):
    rows = together(album, tmp_path, "--target-lufs", "-6", "--no-limit")
    assert {row["album_mode"] for row in rows} == {"linear"}
    peaks_dbtp = [heard(tmp_path / row["audio"]).true_peak_dbtp for row in rows[:3]]
    assert -1.2 < max(peaks_dbtp) <= -1.0


def test_together_the_number_of_workers_changes_no_byte(album, limited, tmp_path):
    together(album, tmp_path, "--target-lufs", "-12", jobs=2)
    written = files_below(tmp_path)
    assert {"1.wav", "2.flac", "cd2/3.wav", "manifest.jsonl"} <= set(written)
    assert written == files_below(limited[1])


def test_together_a_bad_file_is_a_row_and_the_others_meet_the_target(album, tmp_path):
    (tmp_path / "bad.wav").write_text("no audio at all")
    out = tmp_path / "out"
    done = run(tmp_path / "bad.wav", album, "-o", out, "--together", "--json", "-j", "1")
    assert done.returncode == 1
    bad, *good = rows_of(done)
    assert [bad["status"], *(row["status"] for row in good)] == ["failed", *["ok"] * 4]
    assert merged_lufs(good, out) == pytest.approx(-23, abs=0.1)


def test_together_needs_files_that_can_be_read_twice(take, audiokit):
    done = audiokit("normalize", "-", "-o", "-", "--together", stdin=take.read_bytes())
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"--together" in done.stderr


@pytest.mark.parametrize(
    ("container", "target_lufs"),
    [("mp3", -23), ("mp3", -14), ("ogg", -14), ("opus", -14), ("m4a", -14)],
)
def test_what_a_lossy_file_decodes_to_is_on_target(
    samples, tmp_path, audiokit, container, target_lufs
):
    out = tmp_path / f"out.{container}"
    done = audiokit(
        "normalize", samples / "clean_en.wav", "-o", out, "--target-lufs", target_lufs, "--json"
    )
    assert done.returncode == 0, done.stderr
    report = heard(out)
    assert report.integrated_lufs == pytest.approx(target_lufs, abs=0.1)
    assert report.true_peak_dbtp <= -1.0
    (row,) = rows_of(done)
    assert row["out_loudness_lufs"] == pytest.approx(report.integrated_lufs, abs=0.01)
    assert row["out_true_peak_dbtp"] == pytest.approx(report.true_peak_dbtp, abs=0.01)
    assert row["loudness_mode"] == ("limited" if target_lufs == -14 else "linear")


@pytest.mark.parametrize(("container", "target_lufs"), [("wav", -12), ("flac", -23)])
def test_a_pipe_gives_the_bytes_of_the_file(take, tmp_path, audiokit, target_lufs, container):
    options = ("--target-lufs", target_lufs, "--container", container)
    piped = audiokit("normalize", "-", "-o", "-", *options, stdin=take.read_bytes())
    assert piped.returncode == 0, piped.stderr
    out = tmp_path / f"out.{container}"
    assert audiokit("normalize", take, "-o", out, *options).returncode == 0
    if container == "wav":
        assert piped.stdout == out.read_bytes()
    assert soundfile.info(io.BytesIO(piped.stdout)).frames == 48_000
    through_pipe, _ = soundfile.read(io.BytesIO(piped.stdout), dtype="int16")
    through_file, _ = soundfile.read(out, dtype="int16")
    np.testing.assert_array_equal(through_pipe, through_file)
    assert b"stdout: 3.0 s" in piped.stderr
