"""``audiokit normalize`` where sources are odd, or nothing can be written."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiokit.loudness.meter import LoudnessMeter
from audiokit.stage import StreamFormat
from audiokit.testing import measure, speechlike

FMT = StreamFormat(16000, 1)


def rows_of(done):
    return json.loads(done.stdout)["rows"]


def heard(path):
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return measure(LoudnessMeter(StreamFormat(rate, audio.shape[1])), [audio])


def files_below(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".audiokit" not in path.parts
    }


@pytest.fixture
def take(tmp_path):
    path = tmp_path / "take.wav"
    soundfile.write(path, speechlike(FMT, 3.0) * 0.1, 16000)
    return path


def run(*arguments, **more):
    """Run ``audiokit normalize`` where the fixture, made for each test, is none of use."""
    command = [sys.executable, "-m", "audiokit", "normalize", *map(str, arguments)]
    more = {"stdout": subprocess.PIPE} | more
    return subprocess.run(
        command, stderr=subprocess.PIPE, text=True, timeout=120, check=False, **more
    )


def click():
    block = FMT.silence(16000)
    block[8000] = 0.9
    return block


def with_value(value):
    block = speechlike(FMT, 1.0)
    block[500] = value
    return block


def wav_bytes(block):
    buffer = io.BytesIO()
    soundfile.write(buffer, block, 16000, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


# Name: samples and how they are written.
ODD = {
    "silence": (FMT.silence(16000), 16000),
    "10 ms": (speechlike(FMT, 1.0)[4000:4160], 16000),
    "all clipped": (np.sign(speechlike(FMT, 1.0)), 16000),
    "offset": (FMT.silence(16000) + np.float32(0.5), 16000),
    "click": (click(), 16000),
    "8 channels": (speechlike(StreamFormat(16000, 8), 1.0), 16000),
    "8 kHz": (speechlike(StreamFormat(8000), 1.0), 8000),
    "192 kHz": (speechlike(StreamFormat(192_000), 1.0), 192_000),
}
GIVEN_UP = ("max_gain", "not_reached")
REASONS = {"silence": ("silence",), **dict.fromkeys(("10 ms", "offset", "click"), GIVEN_UP)}
GOOD_WAV = wav_bytes(speechlike(FMT, 1.0))
REFUSED = {
    "nan": (wav_bytes(with_value(np.nan)), "nan, expected"),
    "infinity": (wav_bytes(with_value(np.inf)), "inf, expected"),
    "no samples": (wav_bytes(FMT.silence(0)), "no samples"),
    "empty file": (b"", "empty"),
    "no audio": (b"no audio at all", "audio"),
    "0 Hz": (GOOD_WAV[:24] + struct.pack("<I", 0) + GOOD_WAV[28:], "0 Hz"),
    "60000 channels": (GOOD_WAV[:22] + struct.pack("<H", 60_000) + GOOD_WAV[24:], "60000"),
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A folder of odd files, what it held before, the command's answer, and the results."""
    folder = tmp_path_factory.mktemp("odd")
    for name, (block, sample_rate) in ODD.items():
        soundfile.write(folder / f"{name}.wav", block, sample_rate)
    for name, (data, _) in REFUSED.items():
        (folder / f"{name}.wav").write_bytes(data)
    before = files_below(folder)
    out = tmp_path_factory.mktemp("out")
    done = run(folder, "-o", out, "--json", "-j", "1")
    return folder, before, done, out


def test_odd_files_are_rows_and_stay_as_they_are(odd):
    folder, before, done, out = odd
    assert files_below(folder) == before
    assert done.returncode == 1
    # One sentence for each that failed, and one for the run.
    assert len(done.stderr.splitlines()) == len(REFUSED) + 1
    assert f"{len(ODD)} ok, {len(REFUSED)} failed" in done.stderr
    written = {f"{name}.wav" for name in ODD}
    assert set(files_below(out)) - {"manifest.jsonl", "manifest.parquet"} == written


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_read_is_told_in_one_sentence(odd, name):
    _, _, done, _ = odd
    (row,) = (row for row in rows_of(done) if Path(row["source"]).stem == name)
    assert row["status"] == "failed"
    assert REFUSED[name][1] in row["error"]
    assert f"audiokit: failed: {row['error']}" in done.stderr.splitlines()


@pytest.mark.parametrize("name", ODD)
def test_what_is_only_odd_keeps_its_shape_and_the_ceiling(odd, name):
    _, _, done, out = odd
    block, sample_rate = ODD[name]
    (row,) = (row for row in rows_of(done) if row.get("audio") == f"{name}.wav")
    assert row["status"] == "ok"
    assert row["loudness_reason"] in REASONS.get(name, (None,))
    after, rate = soundfile.read(out / row["audio"], dtype="float32", always_2d=True)
    assert (rate, after.shape) == (sample_rate, block.shape)
    report = heard(out / row["audio"])
    assert report.true_peak_dbtp is None or report.true_peak_dbtp <= -1.0
    assert after.any() == (name != "silence")
    if name not in REASONS:
        assert report.integrated_lufs == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("name", ["nan", "no audio"])
def test_one_bad_file_leaves_nothing_behind(tmp_path, audiokit, name):
    data, words = REFUSED[name]
    (tmp_path / "bad.wav").write_bytes(data)
    done = audiokit("normalize", "bad.wav", "-o", "out.wav")
    assert (done.returncode, done.stdout) == (1, "")
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("audiokit: bad.wav: ")
    assert words in sentence
    assert files_below(tmp_path) == {"bad.wav": data}


def test_where_the_header_lies_about_the_length_all_there_is_comes_out(take, tmp_path, audiokit):
    wav = bytearray(take.read_bytes())
    place = wav.index(b"data") + 4
    wav[place : place + 4] = struct.pack("<I", 0x7FFFFFF0)
    take.write_bytes(wav)
    done = audiokit("normalize", take, "-o", "out.wav")
    assert done.returncode == 0, done.stderr
    assert take.read_bytes() == wav
    assert soundfile.info(tmp_path / "out.wav").frames == 48_000
    assert heard(tmp_path / "out.wav").integrated_lufs == pytest.approx(-23, abs=0.1)


def test_where_nothing_may_be_written_one_sentence_says_so(take, tmp_path, audiokit):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write everywhere")
    done = audiokit("normalize", take, "-o", folder / "out.wav")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "may not be written" in done.stderr


def test_a_file_in_the_way_of_a_folder_is_one_sentence(take, tmp_path, audiokit):
    before = files_below(tmp_path)
    done = audiokit("normalize", take, "-o", take / "out.wav")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert files_below(tmp_path) == before


def test_a_full_disk_leaves_nothing_behind(take, tmp_path):
    resource = pytest.importorskip("resource")
    before = files_below(tmp_path)

    def with_less_room_than_the_result_takes():
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

    done = run(take, "-o", tmp_path / "out.wav", preexec_fn=with_less_room_than_the_result_takes)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert files_below(tmp_path) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_pipe_is_one_sentence(take):
    with Path("/dev/full").open("wb") as full:
        done = run(take, "-o", "-", stdout=full)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert "no space" in done.stderr
