"""Files that live elsewhere: anything that fsspec reaches, by its URL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

from audiokit.errors import MissingExtraError, UnreadableError
from audiokit.files.extensions import looks_like_audio

__all__ = ["find_remote", "is_url", "open_remote"]


def is_url(path: str) -> bool:
    """Return whether a path is a URL, such as ``s3://bucket/take.wav``."""
    scheme, separator, _ = path.partition("://")
    return bool(separator) and scheme.replace("+", "").replace("-", "").isalnum()


def _file_system(url: str) -> tuple[Any, str]:
    """Return fsspec's file system for a URL, and the path inside it.

    Raises:
        MissingExtraError: fsspec, or what it needs for this protocol, is not installed.
        UnreadableError: fsspec knows no such protocol, or refuses the address.
    """
    protocol = url.partition("://")[0] + "://"
    with _own_errors(url):
        try:
            from fsspec.core import url_to_fs

            system, path = url_to_fs(url)
        except ImportError as error:
            raise MissingExtraError(f"reading from {protocol}", "cluster") from error
        return system, str(path)


def open_remote(url: str) -> BinaryIO:
    """Open a file elsewhere for reading, as a seekable binary file that the caller closes.

    It is read in pieces as they are asked for and never held whole.

    Raises:
        MissingExtraError: fsspec, or what it needs for this protocol, is not installed.
        UnreadableError: There is no such file, or it may not be read.
    """
    system, path = _file_system(url)
    with _own_errors(url):
        return cast("BinaryIO", system.open(path, "rb"))


def find_remote(
    url: str, is_wanted: Callable[[str], bool]
) -> Iterator[tuple[str, str, str | None]]:
    """Yield what a URL stands for: itself, or the files below a folder or in a pattern.

    Args:
        url: Of a file, a folder, or a pattern with ``*`` or ``[``.
        is_wanted: Whether to take a file of a folder, by its path relative to the folder.

    Yields:
        The address of a file, its relative path, and the folder (None for a lone file).
    """
    system, path = _file_system(url)
    with _own_errors(url):
        if "*" in path or "[" in path:
            root = path[: min(path.find(sign) for sign in "*[" if sign in path)]
            root, found = root.rpartition("/")[0], system.glob(path)
        elif _is_remote_folder(system, path):
            root, found = path.rstrip("/"), system.find(path)
        else:
            yield url, PurePosixPath(path.partition("?")[0]).name or "remote", None
            return
        for below in sorted(found, key=lambda name: str(name).split("/")):
            relative = str(below)[len(root) :].lstrip("/")
            if is_wanted(relative):
                yield str(system.unstrip_protocol(below)), relative, root


def _is_remote_folder(system: Any, path: str) -> bool:
    """Ask whether a path is a folder; what is named like audio is none, and costs no question."""
    return not looks_like_audio(path.partition("?")[0]) and bool(system.isdir(path))


@contextmanager
def _own_errors(url: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise UnreadableError(url, "there is no such file", "Check the address") from error
    except PermissionError as error:
        raise UnreadableError(url, "may not be read", "Check your credentials") from error
    except (OSError, ValueError) as error:
        # ValueError is what fsspec says to a protocol it does not know.
        raise UnreadableError(url, f"could not be reached ({error})", "Try again") from error
