"""Whole files or none: work under a temporary name, then rename."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audiokit.errors import item_error_from_os

__all__ = ["replacing"]

# Long names are cut so that the temporary one still fits into 255 bytes of UTF-8.
_KEPT_CHARACTERS = 48


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a temporary path beside `target` that takes its place if the body succeeds.

    Hidden and ending in ``.part``, so that no search for sources picks it up. Nothing is
    left if the body fails.

    Args:
        target: The file to write; its folders are made.

    Yields:
        The path to write to.

    Raises:
        ResourceError: The disk is full, or the place may not be written: any `OSError`
            of the body counts as one met while writing.
    """
    name = f".{target.name[:_KEPT_CHARACTERS]}.{secrets.token_hex(4)}.part"
    temporary = target.with_name(name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise item_error_from_os(error, str(target)) from error
