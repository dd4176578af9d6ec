"""``audiokit features`` where the place takes no more: said in one line, and nothing left."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest
import soundfile

from audiokit.registry import FORMATS, SUFFIXES

NEEDED = {"parquet": "pyarrow", "hdf5": "h5py", "zarr": "zarr"}


@pytest.fixture
def disk(tmp_path):
    """A place with room for 200 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(place)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small tmpfs is not permitted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def take(tmp_path):
    """Twenty seconds of noise: 640 kB of mel bands."""
    noise = 0.1 * np.random.default_rng(7).standard_normal(20 * 16000)
    soundfile.write(tmp_path / "take.wav", noise, 16000)
    return tmp_path / "take.wav"


@pytest.mark.parametrize("form", FORMATS["features"])
def test_a_full_disk_is_named_and_leaves_nothing(audiokit, take, disk, form):
    if form in NEEDED:
        pytest.importorskip(NEEDED[form])
    target = disk / f"take.{SUFFIXES.get(form, form)}"
    done = audiokit("features", take, "-o", target, "--families", "mel", "--json")
    assert done.returncode == 1
    assert [row["error_type"] for row in json.loads(done.stdout)["rows"]] == ["DiskFullError"]
    said = f"audiokit: {target}: no space is left on the device. Free some and run again.\n"
    assert done.stderr == said
    assert list(disk.iterdir()) == []


def test_a_full_disk_fails_a_row_of_a_folder_whose_worker_lives_on(audiokit, take, disk):
    pytest.importorskip("h5py")
    options = ("--families", "mel", "--format", "hdf5", "--json")
    done = audiokit("features", take, take, "-o", disk / "out", *options)
    assert done.returncode == 1
    rows = json.loads(done.stdout)["rows"]
    assert {row["error_type"] for row in rows} == {"DiskFullError"}
    assert not list((disk / "out").glob("**/*.part"))
    assert not list((disk / "out").glob("**/*.h5"))
