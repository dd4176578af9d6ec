"""Which files a run writes for each recording, by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audiokit.registry import COMPANIONS, SHOWN_SEGMENTS, SUFFIXES, WITH_FEATURES

if TYPE_CHECKING:
    from audiokit.recipe import Recipe

__all__ = ["beside_features", "kinds_of"]

# Source names that we can write as they are; any other becomes WAV.
_KEPT = {
    ".wav": "wav", ".flac": "flac", ".ogg": "ogg", ".oga": "ogg", ".opus": "opus",
    ".mp3": "mp3", ".m4a": "m4a", ".mp4": "m4a",
}  # fmt: skip


def kinds_of(recipe: Recipe) -> dict[str, tuple[str, Any]]:
    """Return folder and extension of each kind of file that a recipe writes.

    Args:
        recipe: What is done.
    """
    kinds: dict[str, tuple[str, Any]] = {}
    if "audio" in recipe.writes:
        given = recipe.writes["audio"]["container"]
        kinds["audio"] = ("audio", _kept if given.origin == "default" else given.value)
    for what in recipe.writes:
        if what == "features" and _is_for_statistics(recipe):
            continue
        for form, name in zip(recipe.formats(what), recipe.result_names(what), strict=True):
            kinds[name] = (what, SUFFIXES.get(form, form))
    if "report" in recipe.writes:
        # A page lies beside the audio where that is all there is.
        kinds["report"] = ("audio" if set(kinds) == {"audio"} else "report", "html")
    # What shows segments lies beside their labels; cuts, many for one, have their own folder.
    shown = {what: ext for what, ext in SHOWN_SEGMENTS.items() if what in recipe.writes}
    kinds |= {what: ("segments", ext) for what, ext in shown.items() if ext not in ("", "*")}
    kinds |= {name: ("features", ending) for name, ending in beside_features(recipe).items()}
    # A command with one kind of result needs no folder for it.
    if len({folder for folder, _ in kinds.values()}) == 1:
        kinds = {kind: ("", extension) for kind, (_, extension) in kinds.items()}
    kinds |= {what: (what, ext) for what, ext in shown.items() if not ext}
    if "trim" in shown:
        kinds["trim"] = ("trim", recipe.writes["trim"]["container"].value)
        kinds["trim_map"] = ("trim", "json")
    return kinds | _gathered_parts(recipe)


def beside_features(recipe: Recipe) -> dict[str, str]:
    """Return what lies beside a recording's feature files, and how its name ends.

    Args:
        recipe: What is done.
    """
    shown = ("spectrogram",) if "spectrogram" in recipe.writes else ()
    endings = {what: WITH_FEATURES[what] for what in shown}
    for form, name in _feature_files(recipe):
        endings |= {f"{name}_{word}": end for word, end in COMPANIONS.get(form, {}).items()}
    return endings


def _gathered_parts(recipe: Recipe) -> dict[str, tuple[str, str]]:
    """Return the kinds of file that are only parts of what is gathered, out of sight."""
    parts: dict[str, tuple[str, str]] = {}
    if "statistics" in recipe.writes:
        parts["statistics"] = (".audiokit/statistics", WITH_FEATURES["statistics"])
    files = _feature_files(recipe)
    if files and recipe.write_settings("features").per != "frame":
        tables = [name for form, name in files if form == "parquet"]
        parts |= dict.fromkeys(tables, (".audiokit/tables", "parquet"))
    return parts


def _feature_files(recipe: Recipe) -> list[tuple[str, str]]:
    """Return form and name of each kind of feature file."""
    if "features" not in recipe.writes or _is_for_statistics(recipe):
        return []
    forms, names = recipe.formats("features"), recipe.result_names("features")
    return list(zip(forms, names, strict=True))


def _is_for_statistics(recipe: Recipe) -> bool:
    return "statistics" in recipe.writes and recipe.write_settings("statistics").alone


def _kept(suffix: str) -> str:
    return _KEPT.get(suffix.lower(), "wav")
