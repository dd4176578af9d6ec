"""Titles, artists and the like: one set of names for every container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from audiokit.files.cover import Cover

__all__ = ["TAG_NAMES", "Labels", "clean_tags", "has_damage"]

TAG_NAMES = (
    "title",
    "artist",
    "album",
    "date",
    "genre",
    "comment",
    "track",
    "copyright",
)
"""What every container that audiokit writes can carry."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What a file holds beside its sound.

    Args:
        tags: By names from `TAG_NAMES`.
        cover: The front cover.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    cover: Cover | None = None


_SYNONYMS = {"tracknumber": "track", "year": "date", "description": "comment"}
_DAMAGE = "\N{REPLACEMENT CHARACTER}"


def clean_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that travel, under their common names, in a fixed order.

    Names that a container or program keeps for itself (encoder, brand, handler) are
    left out, so that the same audio gives the same file.
    """
    found: dict[str, str] = {}
    for name, value in tags.items():
        key = name.lower().strip()
        # A NUL would end the text early in containers that hold C strings.
        text = str(value).replace("\0", " ").strip()
        if text:
            found.setdefault(_SYNONYMS.get(key, key), text)
    return {name: found[name] for name in TAG_NAMES if name in found}


def has_damage(tags: Mapping[str, str]) -> bool:
    """Return whether a tag's bytes were no text in the encoding they claim."""
    return any(_DAMAGE in name or _DAMAGE in value for name, value in tags.items())
