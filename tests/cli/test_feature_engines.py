"""``audiokit features --engine``: the same file through each, and what is refused."""

from __future__ import annotations

import os

import numpy as np
import pytest
import soundfile

from audiokit.stage import StreamFormat
from audiokit.testing import speechlike


@pytest.fixture
def take(tmp_path):
    """Quiet stereo, off zero: what the whole recording must be heard for."""
    block = 0.3 * speechlike(StreamFormat(16000, 2), 2.0) + np.float32([0.02, 0.01])
    path = tmp_path / "take.wav"
    soundfile.write(path, block, 16000, subtype="FLOAT")
    return path


def table_of(audiokit, take, folder, *options):
    done = audiokit("features", take, "-o", folder, *options)
    assert done.returncode == 0, done.stderr
    with np.load(folder / "take.npz") as features:
        return dict(features)


def test_a_file_has_pyaudioanalysis_numbers_without_the_package(take, audiokit, tmp_path):
    pytest.importorskip("tqdm")
    options = ("--preset", "pyaudioanalysis", "--deltas", "1")
    ours = table_of(audiokit, take, tmp_path / "fast", *options)
    theirs = table_of(
        audiokit, take, tmp_path / "package", *options, "--engine", "pyaudioanalysis"
    )
    assert ours.keys() == theirs.keys()
    assert ours["short_term"].shape == (79, 68)
    assert list(ours["short_term_columns"]) == list(theirs["short_term_columns"])
    assert float(ours["first_frame_s"]) == 0.025
    np.testing.assert_allclose(ours["short_term"], theirs["short_term"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("engine", ["librosa", "torch"])
def test_a_file_has_the_numbers_of_fast_by_another_engine(take, audiokit, tmp_path, engine):
    if engine == "torch":
        pytest.importorskip("torch")
    options = ("--families", "mel,mfcc,energy")
    ours = table_of(audiokit, take, tmp_path / "fast", *options)
    theirs = table_of(audiokit, take, tmp_path / engine, *options, "--engine", engine)
    assert ours.keys() == theirs.keys()
    for family in ("mel", "mfcc", "energy"):
        np.testing.assert_allclose(theirs[family], ours[family], rtol=0, atol=1e-3)


def test_a_family_that_an_engine_does_not_know_is_a_usage_error(take, audiokit, tmp_path):
    done = audiokit(
        "features", take, "-o", tmp_path / "f", "--engine", "librosa", "--families", "formants"
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "families is 'formants', expected some of spectrum, mel" in done.stderr
    assert not (tmp_path / "f").exists()


def test_an_engine_that_is_not_installed_ends_the_run_before_its_first_file(
    take, audiokit, tmp_path
):
    folder = tmp_path / "absent"
    folder.mkdir()
    (folder / "torch.py").write_text("raise ImportError('torch is not here')\n")
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    done = audiokit(
        "features", take, "-o", tmp_path / "f", "--engine", "torch", env={"PYTHONPATH": path}
    )
    assert done.returncode == 5
    assert done.stdout == ""
    assert "pip install 'audiokit[gpu]'" in done.stderr
    assert not (tmp_path / "f").exists()
