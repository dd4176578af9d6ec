"""The training of the judge of quality, at a size that takes seconds."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra training")
pytest.importorskip("pesq", reason="needs the extra quality")

from audiokit.errors import EmptyError, SettingError  # noqa: E402  after the check
from audiokit.quality.network import (  # noqa: E402  likewise
    N_FEATURES,
    N_MEMBERS,
    N_OUTPUTS,
    JudgeWeights,
    Member,
    clipped_share,
    mark_quantiles,
    says,
)
from audiokit.training.corpus import load_corpus  # noqa: E402  likewise
from audiokit.training.judge import (  # noqa: E402  likewise
    JudgeTrainSettings,
    Lessons,
    Mixtures,
    fit_judge,
    judge_loss,
    lessons,
    said_of,
)
from audiokit.training.judge_calibration import calibration  # noqa: E402  likewise
from audiokit.training.judge_model import JudgeModel  # noqa: E402  likewise
from audiokit.training.judge_parts import make_judge_parts, mixed  # noqa: E402  likewise
from audiokit.training.marks import Marked, MarkedPlan, heard_levels  # noqa: E402  likewise
from audiokit.training.shipping import weights_digest  # noqa: E402  likewise
from audiokit.training.synthetic import with_synthetic  # noqa: E402  likewise
from audiokit.training.takes import make_take, own_floor_power  # noqa: E402  likewise
from audiokit.training.voiceless import made_voiceless  # noqa: E402  likewise

RATE = 16000


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Recordings in the layout of the real ones."""
    import soundfile

    rng = np.random.default_rng(1)
    folder = tmp_path_factory.mktemp("train")
    for kind in ("speech", "noise"):
        (folder / kind).mkdir()
    time_s = np.arange(3 * RATE) / RATE
    for index in range(6):
        pitch_hz = rng.uniform(100, 200)
        voice = sum(np.sin(2 * np.pi * pitch_hz * k * time_s) / k for k in range(1, 9))
        voice = 0.1 * voice * (np.sin(2 * np.pi * 1.3 * time_s) > -0.3)
        voice += 1e-4 * rng.standard_normal(len(voice))
        noise = 0.1 * rng.standard_normal(3 * RATE)
        soundfile.write(folder / f"speech/libri_{index}-1-0000.flac", voice, RATE)
        soundfile.write(folder / f"speech/wake_{index}.flac", voice[:RATE], RATE)
        soundfile.write(folder / f"noise/street_{index}.flac", noise, RATE)
    return load_corpus(folder, held_back=False)


@pytest.fixture(scope="module")
def marked():
    """Levels of noise that fills the bands, as takes of several lengths, with marks."""
    rng = np.random.default_rng(2)
    n_frames = np.array([30, 42, 100, 150], np.int32)
    levels = rng.normal(-50.0, 10.0, (int(n_frames.sum()), 32)).astype(np.float16)
    marks = np.array(
        [
            [3.0, np.nan, 20.0, 1.0],
            [1.2, 1.5, np.nan, 1.0],
            [np.nan, np.nan, np.nan, 0.0],
            [2, 2, 5, 1],
        ],
        np.float32,
    )
    faults = np.zeros((4, 7), np.float32)
    faults[1, 6] = 1.0
    return Marked(levels, n_frames, marks, faults)


def test_the_same_number_gives_the_same_take_and_every_kind_is_level_and_finite(corpus):
    kinds = set()
    for number in range(12):
        one, again = (make_take(np.random.default_rng((1, number)), corpus, RATE) for _ in "ab")
        np.testing.assert_array_equal(one.heard, again.heard)
        assert np.isfinite(one.heard).all()
        assert np.abs(one.heard).max() <= 1.0
        assert len(one.clean) == RATE
        kinds |= set(one.faults)
    assert "noise" in kinds


def test_the_noise_of_a_take_has_the_ratio_that_is_told(corpus):
    rng = np.random.default_rng(8)
    errors = []
    while len(errors) < 5:
        take = make_take(rng, corpus, 2 * RATE)
        if set(take.faults) != {"noise"} or take.snr_db > 20.0:
            continue
        # The level is changed at the end: least squares say by how much.
        gain = float(take.heard @ take.clean / (take.clean @ take.clean))
        noise = take.heard / gain - take.clean
        active = np.mean(np.square(take.clean[np.abs(take.clean) > 0.01 * take.clean.max()]))
        errors.append(10.0 * np.log10(active / np.mean(np.square(noise))) - take.snr_db)
    assert np.abs(errors).max() < 3.0


def test_numpy_says_what_torch_said_in_training(marked):
    taught = Lessons(*(np.concatenate([array] * 6) for array in lessons(marked)))
    rng = np.random.default_rng(4)
    mixtures = Mixtures(
        rng.normal(0.0, 1.0, (20, N_FEATURES)).astype(np.float32), np.zeros(20, np.float32)
    )
    settings = JudgeTrainSettings(n_steps=20, batch=8, width=8)
    weights, record = fit_judge(taught, mixtures, taught, settings)
    again, _ = fit_judge(taught, mixtures, taught, settings)
    assert weights_digest(weights) == weights_digest(again)
    assert len(record["held_back_losses"]) == 1
    model = JudgeModel(8)
    model.begin_with(weights)
    values = {
        name: array.astype(np.float32) * weights.get(f"{name}.scale", np.float32(1.0))
        for name, array in weights.items()
        if not name.endswith(".scale")
    }
    members = tuple(
        Member(**{name: values.pop(f"{name}{at}").astype(np.float32) for name in Member._fields})
        for at in range(N_MEMBERS)
    )
    read = JudgeWeights(members, **values)
    said = said_of(model, (taught.heard - read.centre) / read.scale).numpy()
    for heard, expected in zip(taught.heard, said, strict=True):
        np.testing.assert_allclose(says(heard, read), expected, atol=1e-3)


def test_what_is_not_known_of_a_take_counts_for_nothing(marked):
    said = torch.zeros(4, N_OUTPUTS)
    loss = judge_loss(said, marked.marks, marked.faults)
    # Nobody knows a ratio of the second and the third: what is said of it is free.
    said[1, 0:3] = 9.0
    said[2, 0:7] = 9.0
    assert judge_loss(said, marked.marks, marked.faults) == loss
    said[0, 1] = 2.0
    assert judge_loss(said, marked.marks, marked.faults) < loss


def test_whether_nearly_clean_speech_was_denoised_counts_for_nothing(marked):
    faults = marked.faults.copy()
    faults[0, 6] = np.nan
    said = torch.zeros(4, N_OUTPUTS)
    loss = judge_loss(said, marked.marks, faults)
    said[0, 15] = 9.0
    assert torch.isfinite(loss)
    assert judge_loss(said, marked.marks, faults) == loss


def test_nothing_is_said_of_the_ratio_of_a_denoised_take_nor_of_one_beside_its_own_noise(corpus):
    rng = np.random.default_rng(12)
    takes = [make_take(rng, corpus, RATE) for _ in range(80)]
    treated = [take for take in takes if take.faults.get("processing", 0.0) != 0.0]
    assert treated
    assert all(np.isnan(take.snr_db) for take in treated)
    for take in takes:
        if np.isfinite(take.snr_db):
            active = np.quantile(np.square(take.clean), 0.95)
            floor_db = 10.0 * np.log10(own_floor_power(take.clean) / active + 1e-12)
            assert take.snr_db < 6.0 - floor_db


def test_the_ratio_has_a_say_where_it_orders_as_well_and_only_in_noise():
    rng = np.random.default_rng(9)
    snr_db = rng.uniform(-5.0, 35.0, 300)
    said = np.full((300, N_OUTPUTS), -8.0, np.float32)
    said[:, 0:3] = snr_db[:, np.newaxis] / 10.0 + [-0.1, 0.0, 0.1]
    said[:, 3:6] = rng.uniform(1.0, 4.0, (300, 1)) + np.array([-0.1, 0.0, 0.1])
    marks = np.stack([1.0 + snr_db / 10.0, np.full(300, np.nan), snr_db, np.ones(300)], axis=1)
    told = calibration(said, marks, np.zeros((300, 7), np.float32))
    assert told["share"][0] > 0.5
    share, ratio_marks = float(told["share"][0]), told["ratio_marks"].astype(float)
    assert (np.diff(ratio_marks) >= 0.0).all()
    said[:, 11] = 8.0
    clipped = mark_quantiles(said, share=share, ratio_marks=ratio_marks)
    np.testing.assert_allclose(clipped, said[:, 3:6], atol=0.02)


def test_clipping_takes_the_share_of_a_mark_that_it_took_of_those_held_back():
    rng = np.random.default_rng(10)
    said = np.full((200, N_OUTPUTS), -8.0, np.float32)
    said[:, 0:3] = [2.9, 3.0, 3.1]
    said[:, 3:6] = rng.uniform(1.5, 4.0, (200, 1)) + np.array([-0.1, 0.0, 0.1])
    faults = np.zeros((200, 7), np.float32)
    faults[::2, 2] = rng.uniform(0.0, 0.8, 100)
    marks = np.stack([said[:, 4], np.full(200, np.nan), np.full(200, 30.0), np.ones(200)], axis=1)
    none = calibration(said, marks, faults)["clipping"][0]
    lost = clipped_share(10.0 ** (4.0 * (faults[:, 2] - 1.0))) * (faults[:, 2] > 0.0)
    marks[:, 0] -= 0.8 * lost * (marks[:, 0] - 1.02)
    # The mark has a share of the ratio, which is the same for all: the fit is near, not exact.
    assert none < 0.4 < calibration(said, marks, faults)["clipping"][0] < 1.2


def test_voices_of_a_synthesizer_join_the_sentences_each_in_one_part_only(corpus, tmp_path):
    import soundfile

    for number in range(9):
        soundfile.write(tmp_path / f"{number:03d}.flac", np.full(800, 0.01 * number), RATE)
    taught, others = (
        with_synthetic(corpus, tmp_path, held_back=held_back) for held_back in (False, True)
    )
    n_recorded = len(corpus.speech)
    assert (len(taught.speech) - n_recorded, len(others.speech) - n_recorded) == (7, 2)
    assert taught.digest != corpus.digest
    with pytest.raises(EmptyError, match="holds no recordings"):
        with_synthetic(corpus, tmp_path / "none", held_back=False)


def test_what_is_made_without_a_voice_is_finite_never_silent_and_the_same_again():
    for number in range(12):
        one, again = (made_voiceless(np.random.default_rng(number), RATE) for _ in "ab")
        np.testing.assert_array_equal(one, again)
        assert np.isfinite(one).all()
        assert one.std() > 0.0


def test_bands_are_widened_until_enough_of_what_was_held_back_lies_inside():
    rng = np.random.default_rng(6)
    true = rng.uniform(0.0, 30.0, 400)
    said = np.zeros((400, N_OUTPUTS), np.float32)
    middle = (true + rng.normal(0.0, 4.0, 400)) / 10.0
    said[:, 0:3] = middle[:, np.newaxis] + [-0.1, 0.0, 0.1]
    said[:, 3:6] = [1.5, 2.0, 2.5]
    marks = np.stack([np.full(400, 2.1), np.full(400, np.nan), true, np.ones(400)], axis=1)
    spread = calibration(said, marks, np.zeros((400, 7), np.float32))["spread"].astype(float)
    inside = np.abs(10.0 * said[:, 1] - true) <= spread[0] * 1.0
    assert 0.88 <= inside.mean() <= 0.92


def test_parts_are_mixed_at_the_ratio_that_is_told(corpus, tmp_path):
    parts = make_judge_parts(tmp_path, corpus, n_parts=4, seed=1)
    heard, snr_db = mixed(parts, 60, seed=3)
    assert heard.shape == (60, N_FEATURES)
    assert -10.0 < snr_db.min() < 0.0
    assert snr_db.max() > 20.0
    assert np.isfinite(heard).all()
    again, _ = mixed(parts, 60, seed=3)
    np.testing.assert_array_equal(heard, again)


def test_band_levels_are_much_the_same_at_every_rate_that_carries_them():
    import soxr

    sound = np.random.default_rng(3).standard_normal(RATE).astype(np.float32) * 0.1
    narrow = soxr.resample(sound, RATE, 8000)
    wide = soxr.resample(narrow, 8000, 48000)
    one, other = (
        heard_levels(each, rate).mean(axis=0) for each, rate in ((narrow, 8000), (wide, 48000))
    )
    np.testing.assert_allclose(one[:20], other[:20], atol=0.7)
    assert (one[26:] < -119.9).all()


def test_the_shipped_weights_are_those_of_their_record():
    folder = resources.files("audiokit.quality")
    record = json.loads((folder / "judge.json").read_text())
    with np.load(str(folder / "judge.npz")) as weights:
        found = weights_digest({name: weights[name] for name in weights.files})
    assert found == record["weights_sha256"]


@pytest.mark.parametrize(("name", "value"), [("n_takes", 0), ("batch", 0), ("n_parts", 0)])
def test_settings_out_of_range_are_named(name, value):
    with pytest.raises(SettingError, match=name):
        JudgeTrainSettings(**{name: value})
    if name == "n_takes":
        with pytest.raises(SettingError, match=name):
            MarkedPlan(value, 1)
