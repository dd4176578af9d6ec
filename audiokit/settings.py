"""Settings: from text and tables to frozen dataclasses, remembering where each came from.

Precedence, highest first: flag, environment, recipe, ``audiokit.toml``, default.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from audiokit.errors import SettingError

__all__ = [
    "CONFIG_NAME",
    "Origin",
    "Resolved",
    "build_settings",
    "find_config",
    "load_toml",
    "parse_assignments",
    "pick",
    "resolve",
    "suggestion",
    "user_folder",
]

CONFIG_NAME = "audiokit.toml"
Origin = typing.Literal["flag", "environment", "recipe", "audiokit.toml", "default"]
T = TypeVar("T")
_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


@dataclasses.dataclass(frozen=True, slots=True)
class Resolved:
    """One setting: its value and where that came from."""

    value: Any
    origin: Origin


def user_folder() -> Path:
    """Return the folder of the user's own recipes and defaults."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "audiokit"


def find_config() -> Path | None:
    """Return the ``audiokit.toml`` that applies.

    ``AUDIOKIT_CONFIG`` if set, else the one here, else the user's.

    Raises:
        SettingError: ``AUDIOKIT_CONFIG`` names a file that is not there.
    """
    named = os.environ.get("AUDIOKIT_CONFIG")
    if named:
        if not Path(named).is_file():
            raise SettingError("AUDIOKIT_CONFIG", named, "an existing file")
        return Path(named)
    for candidate in (Path(CONFIG_NAME), user_folder() / CONFIG_NAME):
        if candidate.is_file():
            return candidate
    return None


def load_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises:
        SettingError: It cannot be read, or is not TOML.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(str(path), str(error), "a readable TOML file") from error
    return tables


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``Did you mean …?`` for a misspelt name, or a list of what is known."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {close[0]}?" if close else f"Known: {', '.join(names)}."


def parse_assignments(assignments: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return ``{"loudness": {"target_lufs": "-16"}}`` for ``loudness.target_lufs=-16``.

    Raises:
        SettingError: An assignment is not of the form ``stage.setting=value``.
    """
    tables: dict[str, dict[str, str]] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        stage, dot, setting = name.strip().rpartition(".")
        if not (equals and dot and stage and setting):
            raise SettingError("set", text, "stage.setting=value, as in loudness.target_lufs=-16")
        tables.setdefault(stage, {})[setting.replace("-", "_")] = value.strip()
    return tables


def resolve(kind: type[Any], layers: Mapping[Origin, Mapping[str, Any]]) -> dict[str, Resolved]:
    """Return every field of a settings class with its value and origin.

    Args:
        kind: A settings dataclass whose fields all have defaults.
        layers: Values by origin, the strongest first.
    """
    return {
        field.name: pick(field.name, layers, _default_of(field))
        for field in dataclasses.fields(kind)
    }


def pick(name: str, layers: Mapping[Origin, Mapping[str, Any]], default: Any) -> Resolved:
    """Return the value of the strongest layer that has one, or the default."""
    for origin, values in layers.items():
        if name in values:
            return Resolved(values[name], origin)
    return Resolved(default, "default")


def build_settings(kind: type[T], values: Mapping[str, Any], *, where: str) -> T:
    """Return a settings object from a table, text turned into the fields' types.

    Args:
        kind: A frozen settings dataclass.
        values: By field name; text is parsed, other values are checked.
        where: The stage or table, for messages.

    Raises:
        SettingError: An unknown name or a value of the wrong type or range.
    """
    hints = typing.get_type_hints(kind)
    fields = {field.name for field in dataclasses.fields(typing.cast("Any", kind))}
    converted = {}
    for name, value in values.items():
        if name not in fields:
            hint = suggestion(name, fields)
            raise SettingError(f"{where}.{name}", value, f"a setting of {where}", hint)
        converted[name] = _convert(value, hints[name], f"{where}.{name}")
    return kind(**converted)


def _default_of(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def _convert(value: Any, hint: Any, name: str) -> Any:
    """Return `value` as the first alternative of the type hint that takes it."""
    alternatives = (
        typing.get_args(hint)
        if typing.get_origin(hint) in (typing.Union, types.UnionType)
        else (hint,)
    )
    for alternative in alternatives:
        taken, converted = _try_convert(value, alternative)
        if taken:
            return converted
    raise SettingError(name, value, " or ".join(_describe(item) for item in alternatives))


def _try_convert(value: Any, kind: Any) -> tuple[bool, Any]:
    origin = typing.get_origin(kind)
    if kind is type(None):
        return value is None or value == "none", None
    if origin is typing.Literal:
        matches = [choice for choice in typing.get_args(kind) if str(choice) == str(value)]
        return bool(matches), matches[0] if matches else None
    if origin is tuple:
        return _try_tuple(value, kind)
    if kind is bool:
        text = str(value).lower()
        return text in _TRUE | _FALSE, text in _TRUE
    if isinstance(value, bool):
        return False, None
    if kind in (int, float, str):
        return _try_scalar(value, kind)
    return isinstance(value, kind), value


def _try_scalar(value: Any, kind: Any) -> tuple[bool, Any]:
    if kind is str:
        return isinstance(value, str), value
    try:
        number = kind(value)
    except (TypeError, ValueError):
        return False, None
    return number == value or isinstance(value, str), number


def _try_tuple(value: Any, kind: Any) -> tuple[bool, Any]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        return False, None
    element = typing.get_args(kind)[0]
    converted = [
        _try_convert(item.strip() if isinstance(item, str) else item, element) for item in items
    ]
    return all(taken for taken, _ in converted), tuple(item for _, item in converted)


def _describe(kind: Any) -> str:
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(repr(choice) for choice in typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        return "a list"
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return names.get(kind, "none" if kind is type(None) else str(kind))
