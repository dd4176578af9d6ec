"""The training of the detector, end to end, at a size that takes seconds."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra training")

from audiokit.errors import SettingError  # noqa: E402  after the check
from audiokit.training.detector import DetectorTrainSettings, main  # noqa: E402  likewise
from audiokit.training.shipping import weights_digest  # noqa: E402  likewise

RATE = 16000


@pytest.fixture
def data(tmp_path):
    """A corpus in the layout of the real one: enough names that some are held back."""
    import soundfile

    rng = np.random.default_rng(1)
    folder = tmp_path / "train"
    for kind in ("speech", "noise"):
        (folder / kind).mkdir(parents=True)
    time_s = np.arange(2 * RATE) / RATE
    for index in range(40):
        pitch_hz = rng.uniform(100, 200)
        voice = sum(np.sin(2 * np.pi * pitch_hz * k * time_s) / k for k in range(1, 9))
        voice = 0.1 * voice * (np.sin(2 * np.pi * 1.3 * time_s) > -0.3)
        noise = 0.1 * rng.standard_normal(2 * RATE)
        for name, samples in (
            (f"speech/libri_{index}-1-0000.flac", voice),
            (f"speech/wake_{index}.flac", voice[:RATE]),
            (f"noise/street_{index}.flac", noise),
        ):
            soundfile.write(folder / name, samples, RATE)
    return folder


def train(data, out, *more):
    main([
        str(data), "--out", str(out), "--n-scenes", "24", "--n-parts", "12", "--seconds", "2",
        "--n-steps", "10", "--batch", "8", "--width", "8", "--memory-width", "8", "--seed", "3",
        *more,
    ])  # fmt: skip
    return json.loads(out.with_suffix(".json").read_text())


def test_a_run_learns_and_can_be_repeated(data, tmp_path):
    scratch = ("--scratch", str(tmp_path / "scenes"))
    first = train(data, tmp_path / "first.npz", *scratch)
    again = train(data, tmp_path / "again.npz", "--workers", "2")
    assert first == again
    with np.load(tmp_path / "again.npz") as weights:
        found = weights_digest({name: weights[name] for name in weights.files})
        assert found == first["weights_sha256"]
        assert weights["entry"].dtype == np.int8
    longer = train(data, tmp_path / "longer.npz", "--n-steps", "120", *scratch)
    assert longer["held_back_losses"][-1] < 0.8 * first["held_back_losses"][-1]


def test_the_shipped_weights_are_those_of_their_record():
    folder = resources.files("audiokit.vad")
    record = json.loads((folder / "detector.json").read_text())
    with np.load(str(folder / "detector.npz")) as weights:
        found = weights_digest({name: weights[name] for name in weights.files})
    assert found == record["weights_sha256"]


@pytest.mark.parametrize(("name", "value"), [("n_scenes", 0), ("batch", 9000), ("seconds", 0.5)])
def test_settings_out_of_range_are_named(name, value):
    with pytest.raises(SettingError, match=name):
        DetectorTrainSettings(**{name: value})
