"""What was learnt of voices, as it ships, and how it is learnt."""

from __future__ import annotations

import hashlib
import json
from importlib import resources

import numpy as np
import pytest

from audiokit.speakers.voice_windows import N_STATISTICS, voice_model

FOLDER = resources.files("audiokit.speakers")


def test_the_weights_are_small_and_those_of_the_record():
    assert len((FOLDER / "voice_model.npz").read_bytes()) <= 20_000
    record = json.loads((FOLDER / "voice_model.json").read_text(encoding="utf-8"))
    digest = hashlib.sha256()
    with np.load(FOLDER / "voice_model.npz") as file:
        for name in sorted(file.files):
            digest.update(name.encode() + file[name].tobytes())
    assert digest.hexdigest() == record["weights_sha256"]


def test_directions_are_sorted_by_how_much_they_tell():
    model = voice_model()
    assert model.projection.shape == (N_STATISTICS, len(model.spread))
    assert (np.diff(model.spread) <= 0.0).all()
    assert model.spread[-1] > 0.0


def test_discriminants_find_the_direction_that_readers_differ_in():
    pytest.importorskip("torch")
    from audiokit.training.speakers import discriminants

    rng = np.random.default_rng(0)
    readers = np.repeat(np.arange(200), 30)
    # Between readers a variance of 4 along the first axis; within them 1, but 100 on the last.
    made = rng.standard_normal((len(readers), 3)) * [1.0, 1.0, 10.0]
    made[:, 0] += 2.0 * rng.standard_normal(200)[readers]
    _, projection, spread = discriminants(made, readers, 2)
    assert abs(projection[0, 0]) > 20.0 * np.abs(projection[1:, 0]).max()
    assert spread[0] == pytest.approx(4.0, rel=0.2)
    assert abs(spread[1]) < 0.1
