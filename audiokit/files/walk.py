"""Folders and patterns, walked lazily and always in the same order."""

# A hundred thousand names stay text here: a Path for each costs ten times as much.
# ruff: noqa: PTH116, PTH118

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

__all__ = ["expand_pattern", "has_wildcard", "is_within", "split_pattern", "walk_folder"]

_log = logging.getLogger(__name__)
_Identity = tuple[int, int]


def is_within(path: Path, folder: Path) -> bool:
    """Return whether a path is a folder or below it, symbolic links resolved."""
    return path.resolve().is_relative_to(folder.resolve())


def has_wildcard(text: str, wildcards: str = "*?[") -> bool:
    """Return whether a text is a pattern."""
    return any(sign in text for sign in wildcards)


def split_pattern(pattern: str) -> tuple[str, list[str]]:
    """Return the folder that a pattern starts from, and its remaining parts."""
    parts = pattern.split("/")
    first = next(place for place, part in enumerate(parts) if has_wildcard(part))
    root = "/".join(parts[:first]) or ("/" if pattern.startswith("/") else ".")
    return root, [part for part in parts[first:] if part]


def walk_folder(
    root: str, is_wanted: Callable[[str], bool], *, exclude: Path | None = None
) -> Iterator[str]:
    """Yield the paths of wanted files below a folder, relative to it, part by part sorted.

    Hidden names and unfinished ``.part`` files are left out. Links to folders are
    followed; a folder that is reached twice, by a loop or otherwise, is walked once.

    Args:
        root: The folder.
        is_wanted: Whether to take a file, by its path relative to `root`.
        exclude: A folder to leave out with all that is in it.
    """
    closed = _closed(exclude)
    if _identity(root) in closed:
        return
    visited = {_identity(root), *closed}
    stack = [_entries(root, "")]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
            continue
        path, is_folder = entry
        if not is_folder:
            if is_wanted(path):
                yield path
            continue
        identity = _identity(os.path.join(root, path))
        if identity not in visited:
            visited.add(identity)
            stack.append(_entries(root, path))


def expand_pattern(root: str, parts: list[str], *, exclude: Path | None = None) -> Iterator[str]:
    """Yield what matches a pattern below a folder, relative to it, sorted.

    As a shell does: ``*`` stays within a name, ``**`` spans folders, hidden names are
    left out. A loop of links is survived, as in `walk_folder`.

    Args:
        root: The folder.
        parts: The pattern, cut at its slashes.
        exclude: A folder to leave out with all that is in it.
    """
    visited = {
        (closed, n_parts) for closed in _closed(exclude) for n_parts in range(len(parts) + 1)
    }
    found = set(_matches(root, "", parts, visited))
    yield from sorted(found, key=lambda path: path.split("/"))


def _matches(
    root: str, folder: str, parts: list[str], visited: set[tuple[_Identity, int]]
) -> Iterator[str]:
    here = os.path.join(root, folder)
    state = (_identity(here), len(parts))
    if state in visited:
        return
    visited.add(state)
    part, rest = parts[0], parts[1:]
    if part == "**" and rest:
        yield from _matches(root, folder, rest, visited)
    for path, is_folder in _entries(root, folder):
        name = path.rpartition("/")[2]
        if part == "**":
            if is_folder:
                yield from _matches(root, path, parts, visited)
            elif not rest:
                yield path
        elif fnmatchcase(name, part):
            if not rest:
                yield path
            elif is_folder:
                yield from _matches(root, path, rest, visited)


def _entries(root: str, folder: str) -> Iterator[tuple[str, bool]]:
    """Yield the visible entries of a folder, sorted: path from the root, whether a folder."""
    here = os.path.join(root, folder)
    prefix = f"{folder}/" if folder else ""
    try:
        with os.scandir(here) as entries:
            listed = [(entry.name, _is_folder(entry)) for entry in entries if _is_visible(entry)]
    except OSError as error:
        # One closed folder must not end the run; it is named, and the rest is found.
        _log.warning("folder.unreadable folder=%s reason=%s", here, error.strerror)
        return
    for name, is_folder in sorted(listed):
        yield prefix + name, is_folder


def _is_visible(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and not entry.name.endswith(".part")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads to itself is no folder; opening it will say what it is.
        return False


def _closed(exclude: Path | None) -> set[_Identity]:
    if exclude is None or not exclude.exists():
        return set()
    return {_identity(os.fspath(exclude))}


def _identity(path: str) -> _Identity:
    try:
        status = os.stat(path)
    except OSError:
        return (-1, hash(path))
    return (status.st_dev, status.st_ino)
