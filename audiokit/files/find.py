"""Find what there is to do: files, folders, patterns, lists and URLs, lazily and in order."""

# A hundred thousand names stay text here: a Path for each costs ten times as much.
# ruff: noqa: PTH100, PTH112, PTH118

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TextIO

from audiokit.errors import NothingToDoError
from audiokit.files.extensions import looks_like_audio
from audiokit.files.lists import place_of, read_list
from audiokit.files.remote import find_remote, is_url
from audiokit.files.walk import expand_pattern, has_wildcard, split_pattern, walk_folder

__all__ = ["Source", "find_sources"]


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to read.

    Args:
        path: As it is opened: a local path, a URL, or ``-`` for standard input.
        relative: Its place in a tree that mirrors the input, with its own extension.
    """

    path: str
    relative: PurePosixPath


def find_sources(
    inputs: Sequence[str],
    *,
    include: Sequence[str] = (),
    list_stream: TextIO | None = None,
    exclude: Path | None = None,
) -> Iterator[Source]:
    """Find the sources that a user names.

    An input is a file (taken whatever it is called), a folder (searched for names that
    look like audio), a quoted pattern such as ``takes*/**/*.wav``, a list ``@list.txt``
    (a path to a line) or ``@list.jsonl`` (the path under ``source``, ``audio`` or
    ``audio_filepath``), the list on standard input ``@-``, the stream on standard input
    ``-``, or a URL, folder or pattern that fsspec reaches.

    Each input is looked at at once, so that a wrong one stops the run before it starts;
    the rest is found as it is asked for. Order: the inputs as given, each sorted. What is
    met twice is taken once. Below one single folder the mirrored tree starts; of several,
    each gets a folder of its own name (a second one of that name ``name-2``). Files named
    one by one keep their base name, entries of a list the path that the list gives.

    Args:
        inputs: What the user named.
        include: Patterns such as ``*.wav``: in folders and patterns take these names (or
            relative paths), and no others.
        list_stream: Where ``@-`` is read from.
        exclude: A folder to leave out, such as the one the results go to.

    Raises:
        NothingToDoError: An input does not exist, or holds nothing to take.
        MissingExtraError: A URL is named, and fsspec is not installed.
        UnreadableError: A URL or list cannot be read.
    """
    finder = _Finder(include, list_stream, exclude, is_alone=len(inputs) == 1)
    found = [finder.begin(named) for named in dict.fromkeys(inputs)]
    if not found:
        raise NothingToDoError("no input was named. Name files, folders or patterns.")
    return finder.once_each(chain.from_iterable(found))


class _Finder:
    """What the inputs of one search share: filters, and the names that are taken."""

    def __init__(
        self,
        include: Sequence[str],
        list_stream: TextIO | None,
        exclude: Path | None,
        *,
        is_alone: bool,
    ) -> None:
        self._include = tuple(include)
        self._list_stream = list_stream
        self._exclude = exclude
        self._is_alone = is_alone
        self._labels: dict[str, str] = {}
        self._places: set[str] = set()

    def begin(self, named: str) -> Iterator[Source]:
        """Return the sources of one input, once it is known that there are any."""
        sources = self._sources_of(named)
        first = next(sources, None)
        if first is None:
            raise NothingToDoError(
                f"{named}: nothing to take was found. Name the files, or widen --include."
            )
        return chain([first], sources)

    def once_each(self, sources: Iterator[Source]) -> Iterator[Source]:
        """Leave out what was met before; a single folder or file cannot meet anything twice."""
        if self._is_alone and not self._places:
            yield from sources
            return
        met: set[str] = set()
        for source in sources:
            key = source.path if is_url(source.path) else os.path.abspath(source.path)
            if key not in met:
                met.add(key)
                yield source

    def _sources_of(self, named: str) -> Iterator[Source]:
        if named == "-":
            return iter([Source("-", PurePosixPath("stdin"))])
        if named.startswith("@") and not os.path.lexists(named):
            return self._listed(named[1:])
        if is_url(named):
            return self._remote(named)
        if os.path.isdir(named):
            if self._exclude is not None and self._exclude.resolve() == Path(named).resolve():
                raise NothingToDoError(
                    f"{named}: is the output folder as well. Choose another with --out."
                )
            return self._below(named, walk_folder(named, self._is_wanted, exclude=self._exclude))
        if os.path.lexists(named):
            return iter([self._single(named, Path(named).name)])
        if has_wildcard(named):
            return self._matching(named)
        raise NothingToDoError(
            f"{named}: there is no such file or folder. Check the path, or quote a pattern."
        )

    def _is_wanted(self, path: str) -> bool:
        if not self._include:
            return looks_like_audio(path)
        name = path.rpartition("/")[2]
        return any(fnmatchcase(name, want) or fnmatchcase(path, want) for want in self._include)

    def _below(self, root: str, paths: Iterator[str]) -> Iterator[Source]:
        label = "" if self._is_alone else self._label(root) + "/"
        prefix = os.path.join(root, "")
        for path in paths:
            yield Source(prefix + path, PurePosixPath(label + path))

    def _matching(self, pattern: str) -> Iterator[Source]:
        root, parts = split_pattern(pattern)
        return self._below(root, self._matching_files(root, parts))

    def _matching_files(self, root: str, parts: list[str]) -> Iterator[str]:
        # A pattern that spells the extension out, such as `*.dat`, means it.
        is_spelt = "." in parts[-1] and not has_wildcard(parts[-1].rpartition(".")[2])
        for path in expand_pattern(root, parts, exclude=self._exclude):
            full = os.path.join(root, path)
            if os.path.isdir(full):
                if "**" not in parts:
                    walked = walk_folder(full, self._is_wanted, exclude=self._exclude)
                    yield from (f"{path}/{below}" for below in walked)
            elif (is_spelt and not self._include) or self._is_wanted(path):
                yield path

    def _listed(self, named: str) -> Iterator[Source]:
        for path in read_list(named, self._list_stream):
            yield self._single(path, place_of(path))

    def _remote(self, url: str) -> Iterator[Source]:
        for address, place, root in find_remote(url, self._is_wanted):
            if root is None:
                yield self._single(address, place)
            else:
                label = "" if self._is_alone else self._label(root)
                yield Source(address, PurePosixPath(label, place))

    def _single(self, path: str, place: str) -> Source:
        return Source(path, PurePosixPath(self._free_place(place)))

    def _label(self, root: str) -> str:
        """Return the name that stands for a folder; of two, the second gets a number."""
        key = root if is_url(root) else os.path.realpath(root)
        if key not in self._labels:
            self._labels[key] = self._free_place(PurePosixPath(key).name or "root")
        return self._labels[key]

    def _free_place(self, place: str) -> str:
        bare, free, count = PurePosixPath(place), place, 1
        # Some file systems do not tell upper case from lower.
        while free.casefold() in self._places:
            count += 1
            free = str(bare.with_name(f"{bare.stem}-{count}{bare.suffix}"))
        self._places.add(free.casefold())
        return free
