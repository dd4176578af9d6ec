"""The training script, end to end, at a size that takes seconds."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra training")

from audiokit.errors import FormatError, SettingError  # noqa: E402  after the check
from audiokit.training.corpus import Corpus, load_corpus  # noqa: E402  likewise
from audiokit.training.denoiser import main  # noqa: E402  likewise
from audiokit.training.examples import PoolPlan, make_pool  # noqa: E402  likewise
from audiokit.training.shipping import weights_digest  # noqa: E402  likewise

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
        "--width", "8", "--near-width", "4", "--seed", "3", "--seconds", "1.5",
        "--swells", "0.5", *more,
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
            == (first[-1]["weights_sha256"])
        )
        assert weights["entry"].dtype == np.int8
    longer = train(data, tmp_path / "longer.npz", "--n-steps", "60", *scratch)
    assert longer[-1]["held_back_losses"][-1] < first[-1]["held_back_losses"][-1]


def test_examples_of_a_run_that_was_broken_off_do_not_serve(data, tmp_path):
    corpus, plan = load_corpus(data, held_back=False), PoolPlan(8, seed=1)
    whole = [*make_pool(tmp_path / "pool", corpus, plan, workers=1).batch(np.arange(8))]
    with pytest.raises(ValueError, match="high <= 0"):
        # Without recordings no example can be made: a break in the middle.
        make_pool(tmp_path / "pool", Corpus((), (), (), (), (), "none"), plan, workers=1)
    again = [*make_pool(tmp_path / "pool", corpus, plan, workers=1).batch(np.arange(8))]
    for one, other in zip(whole, again, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.any()


@pytest.mark.parametrize(
    ("name", "rule"), [("speech/other_1.flac", "libri_"), ("noise/stereo.flac", "16000 Hz")]
)
def test_a_recording_that_does_not_belong_is_named(data, name, rule):
    import soundfile

    soundfile.write(data / name, np.zeros((800, 2)), RATE)
    with pytest.raises(FormatError, match=rule):
        [load_corpus(data, held_back=held_back) for held_back in (False, True)]


def test_more_in_a_batch_than_there_is_is_refused_before_any_work(data, tmp_path):
    with pytest.raises(SettingError, match="batch is 8, expected at most the 4 examples"):
        train(data, tmp_path / "none.npz", "--n-examples", "4")


def test_another_seed_gives_other_weights(data, tmp_path):
    records = [train(data, tmp_path / f"{seed}.npz", "--seed", seed) for seed in ("4", "5")]
    assert records[0][-1]["weights_sha256"] != records[1][-1]["weights_sha256"]


def test_a_run_goes_on_from_weights_and_keeps_their_record(data, tmp_path):
    first = train(data, tmp_path / "first.npz")
    start = ("--start", str(tmp_path / "first.npz"), "--marks", "0.4")
    second = train(data, tmp_path / "second.npz", *start, "--n-steps", "1", "--rate", "1e-9")
    assert second[:-1] == first
    with np.load(tmp_path / "first.npz") as one, np.load(tmp_path / "second.npz") as other:
        # A step of next to nothing: what came through is what was there.
        for name in one.files:
            step = 1 if one[name].dtype == np.int8 else 1e-4
            np.testing.assert_allclose(one[name], other[name], rtol=2e-3, atol=step)


def test_the_record_that_ships_is_that_of_the_weights_that_ship():
    folder = resources.files("audiokit.denoise")
    record = json.loads((folder / "mask_network.json").read_text())
    with resources.as_file(folder / "mask_network.npz") as path, np.load(path) as weights:
        digest = weights_digest({name: weights[name] for name in weights.files})
    assert record[-1]["weights_sha256"] == digest
