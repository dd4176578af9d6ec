"""The training script, end to end, at a size that takes seconds."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra training")

from audiokit.training.denoiser import main, weights_digest  # noqa: E402  after the check

RATE = 16000


def tones(rng, seconds):
    time_s = np.arange(int(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * rng.uniform(100, 200) * k * time_s) / k for k in range(1, 9))
    return voice * (np.sin(2 * np.pi * 2.5 * time_s) > -0.3)


@pytest.fixture
def data(tmp_path):
    """A corpus in the layout of the real one: enough names that some are held back."""
    import soundfile

    rng = np.random.default_rng(1)
    folder = tmp_path / "train"
    for kind in ("speech", "noise"):
        (folder / kind).mkdir(parents=True)
    for index in range(40):
        voice, word = 0.1 * tones(rng, 1.0), 0.1 * tones(rng, 0.4)
        noise = 0.1 * rng.standard_normal(RATE)
        for name, samples in (
            (f"speech/libri_{index}-1-0000.flac", voice),
            (f"speech/wake_{index}.flac", word),
            (f"noise/street_{index}.flac", noise),
        ):
            soundfile.write(folder / name, samples, RATE)
    return folder


def train(data, out, *more):
    main([
        str(data), "--out", str(out), "--n-examples", "24", "--n-steps", "12", "--batch", "8",
        "--width", "8", "--seed", "3", *more,
    ])  # fmt: skip
    return json.loads(out.with_suffix(".json").read_text())


def test_a_run_learns_and_can_be_repeated(data, tmp_path):
    scratch = ("--scratch", str(tmp_path / "examples"))
    first = train(data, tmp_path / "first.npz", *scratch)
    again = train(data, tmp_path / "again.npz", "--workers", "2")
    assert first == again
    with np.load(tmp_path / "again.npz") as weights:
        assert (
            weights_digest({name: weights[name] for name in weights.files})
            == (first["weights_sha256"])
        )
        assert weights["entry"].dtype == np.int8
    longer = train(data, tmp_path / "longer.npz", "--n-steps", "60", *scratch)
    assert longer["held_back_losses"][-1] < first["held_back_losses"][-1]


def test_another_seed_gives_other_weights(data, tmp_path):
    records = [train(data, tmp_path / f"{seed}.npz", "--seed", seed) for seed in ("4", "5")]
    assert records[0]["weights_sha256"] != records[1]["weights_sha256"]
