"""What a recipe keeps: the result, or what was taken away from the source."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from audiokit.errors import EmptyError, SettingError
from audiokit.jobs.passes import Pass
from audiokit.jobs.process import ProcessTask, process_file
from audiokit.loudness.meter import LoudnessMeter
from audiokit.recipe import make_recipe
from audiokit.stage import StreamFormat
from audiokit.testing import measure, speechlike

FMT = StreamFormat(16000, 2)


@pytest.fixture
def take(tmp_path):
    noise = np.random.default_rng(3).standard_normal((48000, 2)) * 0.01
    path = tmp_path / "take.wav"
    soundfile.write(path, (speechlike(FMT, 3.0) + noise).astype(np.float32), 16000, "FLOAT")
    return path


def tables(*stages, **audio):
    return {"stage": [{"use": use} for use in stages], "write": {"audio": audio}}


def processed(source, out, recipe_tables):
    """Return the row and the samples of one file through a recipe."""
    name = source if isinstance(source, str) else "stream"
    task = ProcessTask(source, {"audio": out}, name=name, scratch=out.parent)
    row = process_file(task, make_recipe("mine", recipe_tables))
    return row, soundfile.read(out, dtype="float32", always_2d=True)[0]


def test_the_result_and_what_was_removed_add_up_to_the_source(take, tmp_path):
    stages = ("highpass", "denoise")
    kept, cleaned = processed(str(take), tmp_path / "kept.wav", tables(*stages))
    row, removed = processed(str(take), tmp_path / "gone.wav", tables(*stages, keep="removed"))
    source, _ = soundfile.read(take, dtype="float32")
    assert np.abs(removed).max() > 1e-3
    np.testing.assert_allclose(cleaned + removed, source, rtol=0, atol=2**-23)
    assert row["denoise_mean_reduction_db"] == kept["denoise_mean_reduction_db"] > 0.0
    # What is said of the audio is said of what was written.
    heard = measure(LoudnessMeter(FMT), [removed])
    assert row["out_loudness_lufs"] == pytest.approx(heard.integrated_lufs, abs=0.01)
    assert row["settings"] != kept["settings"]


def test_another_format_cannot_be_compared(take, tmp_path):
    recipe = tables("channels", keep="removed")
    with pytest.raises(SettingError, match=r"write\.audio\.keep is '16000 Hz, 1 channel"):
        processed(str(take), tmp_path / "x.wav", recipe)
    assert not (tmp_path / "x.wav").exists()


def test_where_no_stage_takes_anything_away_nothing_removed_can_be_kept(take, tmp_path):
    recipe = tables(keep="removed")
    with pytest.raises(SettingError, match=r"keep is 'removed', expected .* without a stage"):
        make_recipe("mine", recipe).check()
    with pytest.raises(SettingError, match=r"keep is 'removed', expected .* without a stage"):
        processed(str(take), tmp_path / "x.wav", recipe)
    assert not (tmp_path / "x.wav").exists()


def test_no_stages_remove_nothing():
    once = Pass(FMT, lambda: iter([speechlike(FMT, 0.1)]))
    once.keep_removed()
    heard = []
    once.settle(heard.extend)
    np.testing.assert_array_equal(np.concatenate(heard), FMT.silence(1600))


def test_a_stage_that_tries_until_it_is_content_is_refused_before_any_work():
    recipe = make_recipe("mine", tables("denoise", "loudness", keep="removed"))
    with pytest.raises(SettingError, match=r"keep is 'removed', expected .* without loudness"):
        recipe.check()


@pytest.mark.parametrize(
    ("write", "message"),
    [
        ({"audio": {"keep": "both"}}, "result or removed"),
        ({"audio": {"keep": "removed"}, "scores": {}}, r"result beside \[write.scores\]"),
    ],
)
def test_what_cannot_be_kept_is_named(write, message):
    recipe = make_recipe("mine", {"stage": [{"use": "denoise"}], "write": write})
    with pytest.raises(SettingError, match=message):
        recipe.check()


def test_what_is_learnt_first_is_the_same_from_a_file_and_from_a_stream(take, tmp_path):
    learnt = tables("highpass", "denoise_learnt")
    row, from_file = processed(str(take), tmp_path / "file.wav", learnt)
    stream = io.BytesIO(take.read_bytes())
    _, from_stream = processed(stream, tmp_path / "stream.wav", learnt)
    np.testing.assert_array_equal(from_stream, from_file)
    assert (row["duration_s"], len(from_file)) == (3.0, 48000)


def test_what_learning_removed_adds_up_too(take, tmp_path):
    learnt = ("highpass", "denoise_learnt")
    _, cleaned = processed(str(take), tmp_path / "kept.wav", tables(*learnt))
    _, removed = processed(str(take), tmp_path / "gone.wav", tables(*learnt, keep="removed"))
    source, _ = soundfile.read(take, dtype="float32")
    np.testing.assert_allclose(cleaned + removed, source, rtol=0, atol=2**-23)


def test_a_level_may_follow_what_is_learnt(take, tmp_path):
    row, _ = processed(str(take), tmp_path / "x.wav", tables("denoise_learnt", "loudness"))
    assert row["out_loudness_lufs"] == pytest.approx(-23.0, abs=0.1)


def test_nothing_to_learn_from_is_an_empty_recording(tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 1)), 16000)
    with pytest.raises(EmptyError):
        processed(str(tmp_path / "empty.wav"), tmp_path / "x.wav", tables("denoise_learnt"))
