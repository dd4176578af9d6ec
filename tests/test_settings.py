"""Settings: parsing, precedence, messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from audiokit.errors import SettingError
from audiokit.settings import build_settings, find_config, load_toml, parse_assignments, resolve


@dataclass(frozen=True, slots=True)
class Example:
    gain_db: float = 0.0
    order: int = 2
    mode: Literal["mono", "stereo"] = "mono"
    is_fast: bool = False
    ceiling_dbtp: float | None = -1.0
    families: tuple[str, ...] = ("mel",)


def test_text_becomes_the_type_of_its_field():
    values = {
        "gain_db": "-3.5",
        "order": "4",
        "mode": "stereo",
        "is_fast": "yes",
        "ceiling_dbtp": "none",
        "families": "mel, mfcc",
    }
    built = build_settings(Example, values, where="example")
    assert built == Example(-3.5, 4, "stereo", True, None, ("mel", "mfcc"))


def test_toml_values_are_taken_as_they_are():
    values = {"gain_db": -3, "order": 4, "families": ["mfcc"], "is_fast": True}
    assert build_settings(Example, values, where="example") == Example(
        -3.0, 4, is_fast=True, families=("mfcc",)
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("gain_db", "loud", "a number"),
        ("order", 2.5, "a whole number"),
        ("order", True, "a whole number"),
        ("mode", "quad", "'mono' or 'stereo'"),
        ("is_fast", "perhaps", "true or false"),
        ("families", 3, "a list"),
    ],
)
def test_a_wrong_value_names_the_setting_and_the_rule(name, value, expected):
    with pytest.raises(SettingError, match=f"example.{name} is .*expected {expected}"):
        build_settings(Example, {name: value}, where="example")


def test_a_misspelt_setting_is_answered_with_the_nearest():
    with pytest.raises(SettingError, match="Did you mean gain_db"):
        build_settings(Example, {"gain": 1}, where="example")


def test_the_strongest_layer_wins_and_is_named():
    resolved = resolve(
        Example,
        {
            "flag": {"order": 8},
            "recipe": {"order": 4, "gain_db": 1},
            "audiokit.toml": {"gain_db": 2},
        },
    )
    assert (resolved["order"].value, resolved["order"].origin) == (8, "flag")
    assert (resolved["gain_db"].value, resolved["gain_db"].origin) == (1, "recipe")
    assert (resolved["mode"].value, resolved["mode"].origin) == ("mono", "default")


def test_assignments_go_to_their_stages():
    assert parse_assignments(["loudness.target-lufs=-16", "write.audio.bit_depth = 24"]) == {
        "loudness": {"target_lufs": "-16"},
        "write.audio": {"bit_depth": "24"},
    }


@pytest.mark.parametrize("text", ["loudness", "loudness=3", ".x=3", "loudness.=3"])
def test_a_malformed_assignment_shows_the_form(text):
    with pytest.raises(SettingError, match=r"stage\.setting=value"):
        parse_assignments([text])


def test_a_named_configuration_that_is_missing_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("AUDIOKIT_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(SettingError, match="expected an existing file"):
        find_config()


def test_broken_toml_is_one_sentence(tmp_path):
    path = tmp_path / "audiokit.toml"
    path.write_text("[process\n")
    with pytest.raises(SettingError, match="expected a readable TOML file"):
        load_toml(path)
