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
    assert visible == ["a.ark", "a.ark.json", "a.features.png", "a.npy", "a.npy.json", "a.npz",
                       "a.scp"]  # fmt: skip
    assert json.loads((out / "a.npy.json").read_text())["schema"] == "audiokit.features/1"
