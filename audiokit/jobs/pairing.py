"""Which recording belongs to which reference, by their names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from audiokit.errors import ItemError, SettingError, UnreadableError
from audiokit.files.extensions import looks_like_audio
from audiokit.files.find import Source
from audiokit.files.walk import walk_folder

__all__ = ["Pairing", "pair_up"]


@dataclass(frozen=True, slots=True)
class Pairing:
    """The reference of each recording.

    Args:
        references: By the recording's path: a path, or what is wrong.
        unused: References that belong to no recording, in order.
    """

    references: Mapping[str, str | ItemError]
    unused: tuple[str, ...]


def pair_up(reference: str, recordings: Iterable[Source]) -> Pairing:
    """Give each recording its reference.

    One file is the reference of all. In a folder it is the recording of the same relative
    name, or the only one that differs in its ending alone; what does not look like audio is
    none.

    Args:
        reference: A file, or a folder.
        recordings: What is compared, with their places below their own folder.

    Raises:
        SettingError: There is no such file or folder.
    """
    if not os.path.isdir(reference):  # noqa: PTH112  a URL is no Path
        if "://" not in reference and not Path(reference).is_file():
            raise SettingError("reference", reference, "a file, or a folder of files")
        return Pairing({source.path: reference for source in recordings}, ())
    found = sorted(walk_folder(reference, looks_like_audio))
    alike: dict[str, list[str]] = {}
    for path in found:
        alike.setdefault(path.rpartition(".")[0], []).append(path)
    given: dict[str, str | ItemError] = {}
    used: set[str] = set()
    for source in recordings:
        place = str(source.relative)
        others = alike.get(place.rpartition(".")[0], [])
        chosen = [place] if place in others else others
        used.update(others)
        given[source.path] = _one_of(source.path, chosen, reference)
    return Pairing(given, tuple(path for path in found if path not in used))


def _one_of(path: str, chosen: list[str], folder: str) -> str | ItemError:
    if len(chosen) == 1:
        return os.path.join(folder, chosen[0])  # noqa: PTH118  as the user wrote the folder
    if not chosen:
        hint = "Give it one of the same name, or leave the recording out."
        return UnreadableError(path, f"has no reference in {folder}", hint)
    hint = "Leave one of them, or give the one with the recording's own ending."
    return UnreadableError(path, f"has several references: {', '.join(chosen)}", hint)
