"""Whole files and folders or none: work under a temporary name, then rename."""

from __future__ import annotations

import glob
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from audiokit.errors import item_error_from_os
from audiokit.files.output import Output, output_for

__all__ = [
    "delivering",
    "output_to",
    "remove_parts",
    "remove_parts_below",
    "replacing",
    "replacing_folder",
    "replacing_tree",
    "shown",
]

_PART = re.compile(r"\..+\.[^.]+\.part")

_TEMPORARY = re.compile(r"\.(.+?)(?:\.[0-9a-f]{8})+\.part")
_PIECE_BYTES = 1 << 20
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
    temporary = target.with_name(f"{_stem_of(target)}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise item_error_from_os(error, str(shown(target))) from error


@contextmanager
def replacing_folder(target: Path, *, is_ours: Callable[[str], bool]) -> Iterator[Path]:
    """Give a temporary folder beside `target` that takes its place if the body succeeds.

    Where `target` is there already, the new files are moved into it one by one and what an
    earlier run made and this one did not is removed: a kill in between leaves files of both,
    whole ones. What else lies there stays. Nothing is left if the body fails.

    Args:
        target: The folder to make; the folders above it are made.
        is_ours: Says by a file's name whether an earlier run made it.

    Yields:
        The folder to write into; files only.

    Raises:
        ResourceError: As `replacing`; or `target` is a file.
    """
    temporary = target.with_name(f"{_stem_of(target)}.{secrets.token_hex(4)}.part")
    try:
        temporary.mkdir(parents=True)
        try:
            yield temporary
            if target.is_dir():
                _merge(temporary, target, is_ours)
            else:
                temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise item_error_from_os(error, str(shown(target))) from error


@contextmanager
def replacing_tree(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside `target` that takes its place, as a whole, on success.

    What was at `target` is removed once the new folder is there. Nothing is left if the body
    fails.

    Args:
        target: The folder to make, which is all ours; the folders above it are made.

    Yields:
        The folder to write into, which is there already.

    Raises:
        ResourceError: As `replacing`; or `target` is a file.
    """
    temporary = target.with_name(f"{_stem_of(target)}.{secrets.token_hex(4)}.part")
    former = target.with_name(f"{_stem_of(target)}.{secrets.token_hex(4)}.part")
    try:
        temporary.mkdir(parents=True)
        try:
            yield temporary
            if target.is_dir():
                target.rename(former)
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(former, ignore_errors=True)
    except OSError as error:
        raise item_error_from_os(error, str(shown(target))) from error


def _merge(new: Path, target: Path, is_ours: Callable[[str], bool]) -> None:
    names = {path.name for path in new.iterdir()}
    for name in sorted(names):
        (new / name).replace(target / name)
    for path in target.iterdir():
        if path.name not in names and is_ours(path.name) and path.is_file():
            path.unlink()


@contextmanager
def delivering(stream: BinaryIO, folder: Path) -> Iterator[Path]:
    """Give a temporary path whose bytes go to a stream if the body succeeds.

    Args:
        stream: Opened for writing; stays the caller's to close.
        folder: Where the temporary file is made.

    Yields:
        The path to write to.

    Raises:
        ResourceError: The disk is full, or the stream takes no more.
        BrokenPipeError: The reader of the pipe has gone.
    """
    temporary = folder / f".delivery.{secrets.token_hex(4)}.part"
    try:
        yield temporary
        output = Output(stream, _name_of(stream))
        with temporary.open("rb") as held:
            while piece := held.read(_PIECE_BYTES):
                output.write(piece)
                output.check()
        output.finish()
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def output_to(target: Path | BinaryIO) -> Iterator[Output]:
    """Give the place for the bytes of a file, or of a stream.

    Args:
        target: A path, where a file appears if the body succeeds; or a binary file object,
            which stays the caller's to close.

    Yields:
        The output; `Output.finish` is the caller's to call.

    Raises:
        ResourceError: As `replacing`.
    """
    if not isinstance(target, Path):
        yield output_for(target, _name_of(target))
        return
    with replacing(target) as temporary:
        stream = temporary.open("xb")
        try:
            yield output_for(stream, str(shown(target)))
        finally:
            # Whatever closing could still complain of, `Output.finish` has met before.
            with suppress(OSError):
                stream.close()


def shown(path: Path) -> Path:
    """Return how a file will be called, where its name is a temporary one of ours."""
    temporary = _TEMPORARY.fullmatch(path.name)
    return path.with_name(temporary[1]) if temporary else path


def remove_parts(target: Path) -> None:
    """Remove what a killed process left half written of one file.

    Args:
        target: The file as it would have been called.
    """
    _remove(target.parent.glob(f"{glob.escape(_stem_of(target))}.*.part"))


def remove_parts_below(folder: Path) -> None:
    """Remove everything half written in a folder and below; leave all else."""
    _remove(folder.rglob(".*.part"))


def _name_of(stream: BinaryIO) -> str:
    name = getattr(stream, "name", None)
    return name if isinstance(name, str) else "<stream>"


def _stem_of(target: Path) -> str:
    # The temporary file of a temporary file is still one of the same target.
    name = target.name.removeprefix(".").removesuffix(".part")
    return f".{name[:_KEPT_CHARACTERS]}"


def _remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        # A folder goes with all that is in it, so its name must be one that only we give.
        if _TEMPORARY.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif _PART.fullmatch(path.name) and not path.is_dir():
            path.unlink(missing_ok=True)
