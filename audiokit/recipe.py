"""Recipes: an ordered list of stages with their settings, and what to write.

A recipe is a TOML file::

    description = "What it is for."

    [[stage]]
    use = "highpass"
    cutoff_hz = 80

    [write.audio]
    container = "flac"

A preset is a recipe by name: one of the package's, or a file in the user's
``recipes`` folder.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import audiokit
from audiokit.errors import SettingError
from audiokit.registry import (
    FORMAT_CHECKS,
    FORMATS,
    KEEPS,
    SHOWN_SEGMENTS,
    STAGES,
    WITH_FEATURES,
    WRITES,
)
from audiokit.settings import (
    Origin,
    Resolved,
    build_settings,
    load_toml,
    pick,
    resolve,
    suggestion,
    user_folder,
)
from audiokit.stage import Processor, StreamFormat, TwoPass

__all__ = [
    "Recipe",
    "StageSpec",
    "load_recipe",
    "make_recipe",
    "recipe_names",
    "recipe_path",
]

SHIPPED = Path(__file__).parent / "recipes"


@dataclasses.dataclass(frozen=True, slots=True)
class StageSpec:
    """One stage of a recipe, and every setting with its origin."""

    use: str
    resolved: Mapping[str, Resolved]

    def settings(self) -> Any:
        """Return the stage's settings object.

        Raises:
            SettingError: A value has the wrong type or range.
        """
        return build_settings(
            STAGES[self.use].settings_type(), _plain(self.resolved), where=self.use
        )

    def build(self, fmt: StreamFormat) -> Processor | TwoPass[Any]:
        """Return the stage for a stream of this format."""
        stage: Processor | TwoPass[Any] = STAGES[self.use].factory()(fmt, self.settings())
        return stage


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """An ordered list of stages, and what to write.

    Args:
        name: How it was asked for.
        description: One line for people.
        stages: In order.
        writes: Settings, with origins, of each thing to write: ``audio``, ``segments``,
            ``features``, ``scores``, ``report``, ``cuts``, ``plot``, ``page``.
    """

    name: str
    description: str
    stages: tuple[StageSpec, ...]
    writes: Mapping[str, Mapping[str, Resolved]]

    def write_settings(self, what: str) -> Any:
        """Return the settings object of one thing to write.

        Raises:
            SettingError: A value has the wrong type or range.
        """
        values = _plain(self.writes[what])
        for word in _further(what):
            values.pop(word, None)
        return build_settings(_write_type(what), values, where=f"write.{what}")

    def formats(self, what: str) -> tuple[str, ...]:
        """Return the kinds of file in which one thing is written; none for the others.

        Raises:
            SettingError: There is no such kind of file.
        """
        if what not in FORMATS:
            return ()
        value = self.writes[what]["format"].value
        names = value.split(",") if isinstance(value, str) else value
        if not isinstance(names, list | tuple) or not names:
            raise SettingError(f"write.{what}.format", value, " or ".join(FORMATS[what]))
        formats = tuple(dict.fromkeys(str(name).strip() for name in names))
        for name in formats:
            if name not in FORMATS[what]:
                rule = " or ".join(FORMATS[what])
                hint = suggestion(name, FORMATS[what])
                raise SettingError(f"write.{what}.format", name, rule, hint)
        return formats

    def result_names(self, what: str) -> list[str]:
        """Return how the files of one thing are called among a task's outputs.

        The first kind goes by the thing's own name, others have theirs behind it:
        ``segments``, ``segments_rttm``.

        Raises:
            SettingError: There is no such kind of file.
        """
        forms = enumerate(self.formats(what))
        return [f"{what}_{form}" if number else what for number, form in forms]

    def kept(self) -> str:
        """Return which audio is written: ``result``, or what the stages took away, ``removed``.

        Raises:
            SettingError: It is neither, or ``removed`` where no stage takes anything away, or
                beside what it says nothing of.
        """
        if "audio" not in self.writes:
            return "result"
        kept = str(self.writes["audio"]["keep"].value)
        if kept not in KEEPS:
            raise SettingError("write.audio.keep", kept, " or ".join(KEEPS))
        if kept == "removed" and not self.stages:
            raise SettingError("write.audio.keep", kept, "result in a recipe without a stage")
        others = set(self.writes) - {"audio", "report"}
        if kept == "removed" and others:
            expected = f"result beside [write.{min(others)}]"
            raise SettingError("write.audio.keep", kept, expected)
        return kept

    def comparing(self) -> str | None:
        """Return the setting for which the source must meet its result, sample by sample.

        Raises:
            SettingError: A stage tries until it is content, so that they cannot meet.
        """
        is_removed = self.kept() == "removed"
        name = "write.audio.keep" if is_removed else "write.report"
        if not is_removed and "report" not in self.writes:
            return None
        for stage in self.stages:
            kind = STAGES[stage.use].factory()
            if issubclass(kind, TwoPass) and kind.corrects:
                expected = f"a recipe without {stage.use}, which hears the whole recording first"
                value = "removed" if is_removed else "a page"
                raise SettingError(name, value, expected)
        return name

    def check(self) -> None:
        """Build every settings object once, so that mistakes show before any work.

        Raises:
            SettingError: A value has the wrong type or range, or two do not go together.
            MissingExtraError: What a result is written with is not installed.
        """
        for stage in self.stages:
            stage.settings()
        for what in self.writes:
            self.write_settings(what)
            self.formats(what)
        for what in SHOWN_SEGMENTS:
            if what in self.writes and "segments" not in self.writes:
                expected = "a recipe with a table [write.segments]"
                raise SettingError(f"write.{what}", what, expected)
        for what in WITH_FEATURES:
            if what in self.writes and "features" not in self.writes:
                expected = "a recipe with a table [write.features]"
                raise SettingError(f"write.{what}", what, expected)
        self.comparing()
        self.check_installed()

    def check_installed(self) -> None:
        """Load what would only be missed at the first file, or at the end.

        Raises:
            MissingExtraError: It is not installed, or its installation is broken.
        """
        for stage in self.stages:
            if STAGES[stage.use].needs_extra:
                # At its own rate, so that nothing else is built.
                stage.build(StreamFormat(48000))
        for what in ("plot", "segments", "features", "spectrogram"):
            if what in self.writes:
                self.write_settings(what).check_installed()
        for form in self.formats("features") if "features" in self.writes else ():
            if form in FORMAT_CHECKS:
                module, check = FORMAT_CHECKS[form]
                getattr(importlib.import_module(module), check)()

    def rows(self) -> Iterator[tuple[str, Any, Origin]]:
        """Yield every setting: its dotted name, value and origin."""
        for stage in self.stages:
            for name, resolved in stage.resolved.items():
                yield f"{stage.use}.{name}", resolved.value, resolved.origin
        for what, table in self.writes.items():
            for name, resolved in table.items():
                yield f"write.{what}.{name}", resolved.value, resolved.origin

    def fingerprint(self) -> str:
        """Return a hash of everything that decides the output: settings and version.

        Stage order counts; names and descriptions do not.
        """
        content = [
            audiokit.__version__,
            [[stage.use, dataclasses.asdict(stage.settings())] for stage in self.stages],
            {what: dataclasses.asdict(self.write_settings(what)) for what in sorted(self.writes)},
            {what: self.formats(what) for what in sorted(self.writes)},
            self.kept(),
        ]
        text = json.dumps(content, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_recipe(
    name: str,
    tables: Mapping[str, Any],
    *,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    defaults: Mapping[str, Mapping[str, Any]] | None = None,
    override_origin: Origin = "flag",
) -> Recipe:
    """Return a recipe from its tables.

    Args:
        name: What to call it.
        tables: As read from TOML: ``description``, ``stage`` (a list), ``write``.
        overrides: Settings by stage (or ``write.audio`` …) that beat the recipe's.
        defaults: Settings by stage that the recipe's beat: ``[stage.NAME]`` tables of
            ``audiokit.toml``.
        override_origin: Where the overrides came from.

    Raises:
        SettingError: An unknown stage, table or setting.
    """
    unknown = set(tables) - {"description", "stage", "write"}
    if unknown:
        word = min(unknown)
        raise SettingError(f"{name}.{word}", tables[word], "description, stage or write")
    _check_shape(name, tables)
    overrides, defaults = dict(overrides or {}), defaults or {}

    def layered(
        place: str,
        kind: type[Any],
        given: Mapping[str, Any],
        further: Mapping[str, str] = types.MappingProxyType({}),
    ) -> dict[str, Resolved]:
        layers: dict[Origin, Mapping[str, Any]] = {
            override_origin: overrides.pop(place, {}),
            "recipe": given,
            "audiokit.toml": defaults.get(place, {}),
        }
        known = {field.name for field in dataclasses.fields(kind)} | set(further)
        for values in layers.values():
            for word in set(values) - known:
                hint = suggestion(word, known)
                raise SettingError(f"{place}.{word}", values[word], f"a setting of {place}", hint)
        more = {word: pick(word, layers, default) for word, default in further.items()}
        return resolve(kind, layers) | more

    stages = tuple(
        StageSpec(use, layered(use, STAGES[use].settings_type(), given))
        for use, given in _stage_tables(name, tables.get("stage", []))
    )
    writes = {
        what: layered(f"write.{what}", _write_type(what), given, _further(what))
        for what, given in tables.get("write", {}).items()
    }
    if overrides:
        place = min(overrides)
        known = [stage.use for stage in stages] + [f"write.{what}" for what in writes]
        raise SettingError("set", place, f"a stage of recipe {name}", suggestion(place, known))
    return Recipe(name, str(tables.get("description", "")), stages, writes)


def load_recipe(
    name: str,
    *,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    defaults: Mapping[str, Mapping[str, Any]] | None = None,
    override_origin: Origin = "flag",
) -> Recipe:
    """Return a recipe by name, or from the TOML file of that path.

    Args:
        name: A shipped recipe, one of the user's, or a path ending in ``.toml``.
        overrides: See `make_recipe`.
        defaults: See `make_recipe`.
        override_origin: See `make_recipe`.

    Raises:
        SettingError: There is no such recipe, or it is not valid.
    """
    path = recipe_path(name)
    return make_recipe(
        path.stem,
        load_toml(path),
        overrides=overrides,
        defaults=defaults,
        override_origin=override_origin,
    )


def recipe_path(name: str) -> Path:
    """Return the file of a recipe by name or path.

    Raises:
        SettingError: There is none.
    """
    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise SettingError("recipe", name, "an existing file")
        return Path(name)
    known = recipe_names()
    if name not in known:
        raise SettingError("recipe", name, "a recipe or a .toml file", suggestion(name, known))
    return known[name]


def recipe_names() -> dict[str, Path]:
    """Return every recipe by name; the user's own win over the package's."""
    folders: Sequence[Path] = (SHIPPED, user_folder() / "recipes")
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}


def _check_shape(name: str, tables: Mapping[str, Any]) -> None:
    """Refuse what is TOML but no recipe."""
    stages, writes = tables.get("stage", []), tables.get("write", {})
    if not isinstance(stages, list) or not all(isinstance(stage, dict) for stage in stages):
        raise SettingError(f"{name}.stage", stages, "tables headed [[stage]]")
    if not isinstance(writes, dict) or not all(isinstance(w, dict) for w in writes.values()):
        raise SettingError(f"{name}.write", writes, "tables headed [write.audio] and the like")
    if not stages and not writes:
        raise SettingError(name, "empty", "a recipe with a stage or something to write")


def _plain(resolved: Mapping[str, Resolved]) -> dict[str, Any]:
    return {name: item.value for name, item in resolved.items() if item.origin != "default"}


def _further(what: str) -> dict[str, str]:
    """Return what a table under ``[write]`` may say beside its settings, and the defaults."""
    further = {"format": FORMATS[what][0]} if what in FORMATS else {}
    return further | ({"keep": KEEPS[0]} if what == "audio" else {})


def _write_type(what: str) -> type[Any]:
    if what not in WRITES:
        raise SettingError("write", what, "something to write", suggestion(what, WRITES))
    module, name = WRITES[what]
    kind: type[Any] = getattr(importlib.import_module(module), name)
    return kind


def _stage_tables(recipe: str, tables: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for table in tables:
        given = dict(table)
        use = given.pop("use", None)
        if not isinstance(use, str) or use not in STAGES:
            hint = suggestion(str(use), STAGES)
            raise SettingError(f"{recipe}.stage.use", use, "the name of a stage", hint)
        yield use, given
