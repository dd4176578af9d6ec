"""The training of the concealers' networks, end to end, at a size that takes seconds."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra training")

from audiokit.errors import SettingError  # noqa: E402  after the check
from audiokit.training.concealment import (  # noqa: E402  likewise
    ConcealmentTrainSettings,
    main,
)
from audiokit.training.concealment_gaps import NETWORKS, make_gaps  # noqa: E402  likewise
from audiokit.training.concealment_loss import heard_difference  # noqa: E402  likewise
from audiokit.training.corpus import Corpus  # noqa: E402  likewise
from audiokit.training.shipping import weights_digest  # noqa: E402  likewise
from audiokit.transit.conceal_bands import BandFrames  # noqa: E402  likewise
from audiokit.transit.conceal_pitch import VoiceContinuation  # noqa: E402  likewise

RATE = 16000
each_network = pytest.mark.parametrize("name", sorted(NETWORKS))


def voice(rng, seconds=2.0):
    time_s = np.arange(int(seconds * RATE)) / RATE
    pitch_hz = rng.uniform(100, 200)
    buzz = sum(np.sin(2 * np.pi * pitch_hz * k * time_s) / k for k in range(1, 9))
    return 0.1 * buzz * (np.sin(2 * np.pi * 1.3 * time_s) > -0.3)


@pytest.fixture
def data(tmp_path):
    """A corpus in the layout of the real one: enough names that some are held back."""
    import soundfile

    rng = np.random.default_rng(1)
    folder = tmp_path / "train"
    for kind in ("speech", "noise"):
        (folder / kind).mkdir(parents=True)
    for index in range(40):
        for name, samples in (
            (f"speech/libri_{index}-1-0000.flac", voice(rng)),
            (f"speech/wake_{index}.flac", voice(rng, 1.0)),
            (f"noise/street_{index}.flac", 0.1 * rng.standard_normal(RATE)),
        ):
            soundfile.write(folder / name, samples, RATE)
    return folder


def train(name, data, out, *more):
    main([
        name, str(data), "--out", str(out), "--n-gaps", "60", "--n-held-back", "30",
        "--n-steps", "5", "--batch", "16", "--width", "16", "--seed", "3", *more,
    ])  # fmt: skip
    return json.loads(out.with_suffix(".json").read_text())


@each_network
def test_a_run_learns_and_can_be_repeated(name, data, tmp_path):
    first = train(name, data, tmp_path / "first.npz")
    assert first == train(name, data, tmp_path / "again.npz")
    with np.load(tmp_path / "again.npz") as weights:
        found = weights_digest({key: weights[key] for key in weights.files})
        assert found == first["weights_sha256"]
        assert weights["first"].dtype == np.int8
    longer = train(name, data, tmp_path / "longer.npz", "--n-steps", "80")
    assert longer["held_back_losses"][-1] < 0.98 * first["held_back_losses"][0]


@each_network
def test_the_shipped_weights_are_those_of_their_record(name):
    folder = resources.files("audiokit.transit")
    record = json.loads((folder / f"{name}.json").read_text())
    with np.load(str(folder / f"{name}.npz")) as weights:
        found = weights_digest({key: weights[key] for key in weights.files})
    assert found == record["weights_sha256"]


def test_what_torch_makes_of_the_ways_is_what_the_concealer_plays():
    rng = np.random.default_rng(4)
    speech = (voice(rng),)
    corpus = Corpus(speech, speech, speech, speech, speech, "test")
    network = NETWORKS["continue"]
    pool = make_gaps(corpus, network, 3, seed=1)
    gains = np.exp(rng.uniform(-2.0, 0.0, (3, 3, 8, 20)))
    bands = BandFrames(RATE)
    parts = [torch.from_numpy(array) for array in (pool.ways, gains.astype(np.float32), pool.true)]
    heard, _ = network.through(*parts, 1)
    for gap in range(3):
        begin = np.zeros((3, 1, 20))
        begin[0] = 1.0
        spectra = bands.spectra(pool.ways[gap, :, np.newaxis].astype(np.float64))
        whole = np.concatenate([begin, gains[gap], gains[gap, :, -1:]], axis=1)
        made = bands.shaped(spectra, whole)[0]
        np.testing.assert_allclose(heard[gap, 512:832].numpy(), made[:320], atol=1e-5)


def test_inputs_and_ways_are_those_of_the_concealer():
    sound = voice(np.random.default_rng(5))
    network = NETWORKS["continue"]
    inputs, ways = network.ways(sound[:1600, np.newaxis], sound[1600:, np.newaxis])
    own = VoiceContinuation(sound[:1600, np.newaxis], RATE, BandFrames(RATE))
    np.testing.assert_array_equal(ways, own.ways(10))
    np.testing.assert_array_equal(inputs, own.inputs(ways))


def test_what_sounds_alike_is_no_difference_and_what_was_added_counts_more():
    true = torch.from_numpy(voice(np.random.default_rng(6))[np.newaxis, :4000]).float() * 10.0
    assert heard_difference(true, true).item() < 1e-3
    louder, softer = (heard_difference(gain * true, true).item() for gain in (3.0, 1.0 / 3.0))
    assert louder > softer > 0.05


@pytest.mark.parametrize(
    ("name", "value"), [("n_gaps", 0), ("batch", 0), ("batch", 50000), ("rate", -1.0)]
)
def test_settings_out_of_range_are_named(name, value):
    with pytest.raises(SettingError, match=name):
        ConcealmentTrainSettings(**{name: value})
