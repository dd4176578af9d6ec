"""``audiokit info --loudness`` and its pictures, as their user meets them."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from audiokit.stage import StreamFormat
from audiokit.testing import speechlike

FMT = StreamFormat(16000, 1)
LEVELS = (
    *("sample_peak_dbfs", "rms_dbfs", "dc", "clipped_samples", "crest_db", "noise_floor_dbfs"),
    *("integrated_lufs", "ungated_lufs", "momentary_max_lufs", "short_term_max_lufs"),
    *("range_lu", "true_peak_dbtp"),
    *("active_level_dbov", "activity_percent", "long_term_level_dbov"),
)
SQUARE = np.where(np.arange(16000) // 40 % 2, 1.0, -1.0)
# Name: samples, sample rate, and the levels that there are none of.
ODD = {
    "silence": (FMT.silence(32000), 16000, set(LEVELS) - {"dc", "clipped_samples"}),
    "10 ms": (
        speechlike(FMT, 1.0)[4000:4160],
        16000,
        {"noise_floor_dbfs", "integrated_lufs", "momentary_max_lufs", "short_term_max_lufs"}
        | {"range_lu", "active_level_dbov", "activity_percent"},
    ),
    "offset": (FMT.silence(64000) + np.float32(0.5), 16000, set()),
    "all clipped": (np.tile(SQUARE, 4), 16000, set()),
    "8 channels": (speechlike(StreamFormat(16000, 8), 4.0), 16000, set()),
    "8 kHz": (speechlike(StreamFormat(8000), 4.0), 8000, set()),
    "192 kHz": (speechlike(StreamFormat(192_000), 4.0), 192_000, set()),
}


def run(*arguments):
    command = [sys.executable, "-m", "audiokit", "info", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A folder of odd files, one of them in a folder of its own and one of them no audio."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "deep").mkdir()
    for name, (block, sample_rate, _) in ODD.items():
        place = folder / "deep" if name == "8 kHz" else folder
        soundfile.write(place / f"{name}.wav", block, sample_rate, subtype="PCM_16")
    (folder / "bad.wav").write_text("no audio at all")
    return folder


@pytest.fixture(scope="module")
def drawn(odd, tmp_path_factory):
    """What ``info --loudness --plot`` said of them, and the folder of pictures."""
    pictures = tmp_path_factory.mktemp("pictures")
    return run(odd, "--loudness", "--plot", pictures, "--json", "-j", "1"), pictures


def rows_of(done):
    return {row["source"].rpartition("/")[2]: row for row in json.loads(done.stdout)["rows"]}


@pytest.mark.parametrize("name", ODD)
def test_every_level_is_a_finite_number_or_null(drawn, name):
    row = rows_of(drawn[0])[f"{name}.wav"]
    block, sample_rate, missing = ODD[name]
    assert row["status"] == "ok"
    assert row["duration_s"] == pytest.approx(len(block) / sample_rate)
    assert {level for level in LEVELS if row[level] is None} == missing
    assert all(math.isfinite(row[level]) for level in set(LEVELS) - missing)


def test_levels_of_known_signals_are_known(drawn):
    rows = rows_of(drawn[0])
    assert rows["offset.wav"]["dc"] == pytest.approx(0.5)
    assert rows["offset.wav"]["rms_dbfs"] == pytest.approx(-6.02, abs=0.01)
    assert rows["offset.wav"]["crest_db"] == pytest.approx(0.0, abs=1e-6)
    assert rows["all clipped.wav"]["clipped_samples"] == 64_000
    assert rows["all clipped.wav"]["sample_peak_dbfs"] == pytest.approx(0.0, abs=1e-3)
    # Between the samples a square wave overshoots by Gibbs' 1.5 dB or more.
    assert rows["all clipped.wav"]["true_peak_dbtp"] > 1.5
    assert rows["silence.wav"]["dc"] == rows["silence.wav"]["clipped_samples"] == 0
    # The same voice at two rates.
    assert rows["8 kHz.wav"]["rms_dbfs"] == pytest.approx(rows["192 kHz.wav"]["rms_dbfs"], abs=0.1)


def test_what_is_no_audio_is_a_failed_row_without_a_picture(drawn):
    done, pictures = drawn
    assert (done.returncode, rows_of(done)["bad.wav"]["status"]) == (1, "failed")
    assert "Traceback" not in done.stderr
    assert not (pictures / "bad.png").exists()


def test_pictures_mirror_the_folder_and_there_is_no_manifest(drawn):
    done, pictures = drawn
    drawn_files = {path for path in pictures.rglob("*.*") if ".audiokit" not in path.parts}
    names = {*(f"{name}.png" for name in ODD if name != "8 kHz"), "deep/8 kHz.png"}
    assert {str(path.relative_to(pictures)) for path in drawn_files} == names
    assert rows_of(done)["8 kHz.wav"]["picture"] == "deep/8 kHz.png"
    for path in drawn_files:
        assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_same_recording_gives_the_same_picture(odd, drawn, tmp_path):
    done = run(odd / "deep", "--plot", tmp_path, "-j", "1")
    assert done.returncode == 0, done.stderr
    # Rows are on stdout: no manifest holds them.
    assert "8 kHz.wav" in done.stdout
    again = (tmp_path / "8 kHz.png").read_bytes()
    assert again == (drawn[1] / "deep" / "8 kHz.png").read_bytes()


def test_another_loudness_gives_another_picture_of_the_same_name(tmp_path):
    pictures = []
    for gain in (0.5, 0.1):
        folder = tmp_path / str(gain)
        folder.mkdir()
        soundfile.write(folder / "take.wav", speechlike(FMT, 1.0) * np.float32(gain), 16000)
        assert run(folder, "--plot", folder / "out").returncode == 0
        pictures.append((folder / "out" / "take.png").read_bytes())
    assert pictures[0] != pictures[1]


def test_a_dry_run_draws_nothing(odd, tmp_path):
    done = run(odd, "--plot", tmp_path / "out", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "deep/8 kHz.png" in done.stdout
    assert not (tmp_path / "out").exists()


WITHOUT_MATPLOTLIB = """
import sys
sys.modules["matplotlib"] = None
from audiokit.__main__ import main
sys.argv = ["audiokit", "info", *sys.argv[1:], "--backend", "threading"]
main()
"""


def test_without_matplotlib_the_extra_is_named(odd, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_MATPLOTLIB, odd / "10 ms.wav", "--plot", tmp_path, "-j1"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "pip install 'audiokit[plot]'" in done.stderr
    assert done.returncode in {1, 5}
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.png"))
