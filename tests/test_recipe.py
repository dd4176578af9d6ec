"""Recipes: the shipped ones, precedence, fingerprints, mistakes."""

from __future__ import annotations

import pytest

from audiokit.errors import SettingError
from audiokit.recipe import load_recipe, make_recipe, recipe_names
from audiokit.registry import STAGES
from audiokit.stage import Processor, StreamFormat, TwoPass

SHIPPED = {"speech", "telephone", "asr", "podcast", "voice", "voice-live"}


def test_the_shipped_recipes_are_the_promised_ones():
    assert set(recipe_names()) >= SHIPPED


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_shipped_recipe_is_valid_and_described(name):
    recipe = load_recipe(name)
    recipe.check()
    assert recipe.description.endswith(".")


@pytest.mark.parametrize("use", STAGES)
def test_every_stage_builds_from_its_defaults(use):
    recipe = make_recipe("one", {"stage": [{"use": use}]})
    stage = recipe.stages[0].build(StreamFormat(16000, 1))
    assert isinstance(stage, Processor | TwoPass)
    assert stage.fmt == StreamFormat(16000, 1)


def test_the_speech_recipe_is_what_it_says():
    settings = {name: value for name, value, _ in load_recipe("speech").rows()}
    assert settings["resample.sample_rate"] == 16000
    assert settings["highpass.cutoff_hz"] == 80
    assert settings["loudness.target_lufs"] == -23.0
    assert settings["loudness.ceiling_dbtp"] == -1.0


def test_a_flag_beats_the_recipe_and_the_recipe_beats_the_defaults():
    recipe = load_recipe(
        "speech",
        overrides={"loudness": {"target_lufs": "-16"}},
        defaults={
            "loudness": {"target_lufs": -20, "ceiling_dbtp": -3},
            "denoise": {"strength": 0.5},
        },
    )
    rows = {name: (value, origin) for name, value, origin in recipe.rows()}
    assert rows["loudness.target_lufs"] == ("-16", "flag")
    assert rows["loudness.ceiling_dbtp"] == (-1.0, "recipe")
    assert rows["denoise.strength"] == (0.5, "audiokit.toml")
    assert recipe.stages[-1].settings().target_lufs == -16.0


def test_the_fingerprint_follows_what_changes_the_sound():
    plain = load_recipe("speech")
    assert plain.fingerprint() == load_recipe("speech").fingerprint()
    louder = load_recipe("speech", overrides={"loudness": {"target_lufs": -16}})
    assert louder.fingerprint() != plain.fingerprint()
    same = load_recipe("speech", overrides={"loudness": {"target_lufs": "-23"}})
    assert same.fingerprint() == plain.fingerprint()


def test_a_user_recipe_is_found_by_name(monkeypatch, tmp_path):
    folder = tmp_path / "audiokit" / "recipes"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text('[[stage]]\nuse = "gain"\ngain_db = 3\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load_recipe("mine").stages[0].settings().gain_db == 3.0


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"stage": [{"use": "denoize"}]}, "Did you mean denoise"),
        ({"stage": [{"use": "gain", "gian_db": 3}]}, "Did you mean gain_db"),
        ({"write": {"audoi": {}}}, "Did you mean audio"),
        ({"stage": {"use": "gain"}}, r"tables headed \[\[stage\]\]"),
        ({"stage": ["gain"]}, r"tables headed \[\[stage\]\]"),
        ({"write": {"audio": True}}, "tables headed"),
        ({}, "a recipe with a stage or something to write"),
        ({"stages": []}, "expected description, stage or write"),
    ],
)
def test_a_mistake_in_a_recipe_is_named(tables, message):
    with pytest.raises(SettingError, match=message):
        make_recipe("mine", tables)


def test_an_override_of_an_absent_stage_is_refused():
    with pytest.raises(SettingError, match="a stage of recipe asr"):
        load_recipe("asr", overrides={"denoise": {"strength": 1}})


def test_an_unknown_recipe_is_answered_with_the_nearest():
    with pytest.raises(SettingError, match="Did you mean speech"):
        load_recipe("speach")
