"""Where each result goes, and which names would have met, before any work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias, overload

from audiokit.files.find import Source

__all__ = ["Collision", "Extension", "Plan", "Planned", "plan_outputs"]

Extension: TypeAlias = str | Callable[[str], str]
"""Of a result: ``"flac"``, or a function of the source's own, dot included: ``".wav"``; empty
for a folder."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One source and the places of its results, relative to the output folder.

    Args:
        source: What is read.
        outputs: What is written, by kind.
    """

    source: Source
    outputs: Mapping[str, PurePosixPath]


@dataclass(frozen=True, slots=True)
class Collision:
    """Sources whose results would have had one name, and which now have others.

    Args:
        sources: In order.
        places: What each result is called instead, without its extension.
    """

    sources: tuple[Source, ...]
    places: tuple[str, ...]

    def __str__(self) -> str:
        names = " and ".join(str(source.relative) for source in self.sources)
        return f"{names} would share a name; the results keep what tells them apart."


@dataclass(frozen=True, slots=True)
class Plan:
    """The places of all results.

    Args:
        planned: One per source, in order.
        collisions: What would have met.
    """

    planned: Sequence[Planned]
    collisions: tuple[Collision, ...]


def plan_outputs(sources: Sequence[Source], kinds: Mapping[str, tuple[str, Extension]]) -> Plan:
    """Give each source its results' places, no two the same.

    ``a/take.wav`` becomes ``<folder>/a/take.<extension>`` for each kind. Sources that
    differ in nothing but the extension (or in upper and lower case, which some file
    systems do not tell apart) keep the old extension in the new name, all of them:
    ``take.wav.flac`` and ``take.mp3.flac``; where that is not enough a number follows.

    Args:
        sources: In order; the same sources get the same places.
        kinds: The folder (may be empty) and the extension of each kind:
            ``{"audio": ("audio", "flac"), "features": ("features", "npz")}``.
    """
    groups, taken = _grouped(sources)
    renamed: dict[int, str] = {}
    for number in (number for group in groups for number in group):
        renamed[number] = _free(str(sources[number].relative), taken)
        taken.add(renamed[number].casefold())
    collisions = tuple(
        Collision(
            tuple(sources[number] for number in group), tuple(renamed[number] for number in group)
        )
        for group in groups
    )
    return Plan(_PlannedSources(sources, kinds, renamed), collisions)


class _PlannedSources(Sequence[Planned]):
    """Makes each `Planned` when it is asked for.

    A hundred thousand of them at once would weigh more than the sources.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        kinds: Mapping[str, tuple[str, Extension]],
        renamed: Mapping[int, str],
    ) -> None:
        self._sources, self._kinds, self._renamed = sources, kinds, renamed

    def __len__(self) -> int:
        return len(self._sources)

    @overload
    def __getitem__(self, index: int) -> Planned: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Planned]: ...

    def __getitem__(self, index: int | slice) -> Planned | Sequence[Planned]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        source = self._sources[index]
        base = self._renamed.get(index % len(self)) or _base(source)
        suffix = source.relative.suffix
        outputs = {
            kind: PurePosixPath(folder, _named(base, extension, suffix))
            for kind, (folder, extension) in self._kinds.items()
        }
        return Planned(source, outputs)


def _named(base: str, extension: Extension, suffix: str) -> str:
    ending = extension if isinstance(extension, str) else extension(suffix)
    return f"{base}.{ending}" if ending else base


def _grouped(sources: Sequence[Source]) -> tuple[list[list[int]], set[str]]:
    """Return the numbers of sources that share a base place, and the places of the rest."""
    n_sharing = Counter(_base(source).casefold() for source in sources)
    if len(n_sharing) == len(sources):
        return [], set()
    groups: dict[str, list[int]] = {}
    for number, source in enumerate(sources):
        base = _base(source).casefold()
        if n_sharing[base] > 1:
            groups.setdefault(base, []).append(number)
    return list(groups.values()), {base for base, n in n_sharing.items() if n == 1}


def _base(source: Source) -> str:
    return str(source.relative.with_suffix(""))


def _free(base: str, taken: set[str]) -> str:
    free, count = base, 1
    while free.casefold() in taken:
        count += 1
        free = f"{base}-{count}"
    return free
