"""Lists of sources: a path to a line, or a JSON object to a line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from audiokit.errors import NothingToDoError, UnreadableError
from audiokit.files.remote import is_url

__all__ = ["place_of", "read_list"]

_PATH_KEYS = ("source", "audio", "audio_filepath")


def read_list(name: str, stream: TextIO | None = None) -> Iterator[str]:
    """Yield the paths in a list, as they are opened, without holding it.

    A line that begins with ``{`` is a JSON object, any other a path; empty lines are
    left out. A relative path counts from the current folder, or, where nothing is there,
    from the folder of the list.

    Args:
        name: The list, or ``-`` for `stream`.
        stream: Standard input.

    Raises:
        NothingToDoError: There is no such list.
        UnreadableError: It cannot be read, or a line of it names no path.
    """
    if name == "-":
        if stream is None:
            raise NothingToDoError("@-: there is no standard input to read a list from.")
        yield from _paths(stream, "standard input", folder=None)
        return
    try:
        with Path(name).open(encoding="utf-8-sig", errors="surrogateescape") as lines:
            yield from _paths(lines, name, folder=Path(name).parent)
    except FileNotFoundError as error:
        raise NothingToDoError(f"@{name}: there is no such list. Check the path.") from error
    except OSError as error:
        raise UnreadableError(name, f"cannot be read ({error.strerror})") from error


def place_of(path: str) -> str:
    """Return the place that a listed path has in the mirrored tree.

    The path itself, without the scheme, root and ``..`` that would lead out of the tree.
    """
    bare = path.partition("://")[2].partition("?")[0] if is_url(path) else os.path.normpath(path)
    return "/".join(part for part in bare.split("/") if part not in ("", ".", ".."))


def _paths(lines: Iterable[str], name: str, *, folder: Path | None) -> Iterator[str]:
    # NUL ends a path where `find -print0` wrote it.
    ended = (part for line in lines for part in line.split("\0"))
    for number, line in enumerate(ended, start=1):
        text = line.rstrip("\r\n")
        if not text.strip():
            continue
        path = _path_in_json(text, f"{name}, line {number}") if text.startswith("{") else text
        yield _resolved(path, folder)


def _path_in_json(text: str, subject: str) -> str:
    try:
        row = json.loads(text)
    except ValueError as error:
        raise UnreadableError(subject, "is no JSON", "Repair the list") from error
    for key in _PATH_KEYS:
        value = row.get(key)
        # Hugging Face manifests keep the path one level down.
        path = value.get("path") if isinstance(value, dict) else value
        if isinstance(path, str) and path:
            return path
    raise UnreadableError(subject, "names no file", "Give it the key 'audio' or 'source'")


def _resolved(path: str, folder: Path | None) -> str:
    if folder is None or is_url(path) or os.path.lexists(path):
        return path
    beside = str(folder / path)
    return beside if os.path.lexists(beside) else path
