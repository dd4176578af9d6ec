"""What the machine offers: versions, the libopus that is used, engines and extras."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

import audiokit
from audiokit.codec.opus_binding import open_opus
from audiokit.codec.opus_library import FoundLibrary, find_libopus, libraries
from audiokit.codec.opus_probe import probe_opus
from audiokit.errors import MissingDeviceError

__all__ = ["examine"]

Row = dict[str, Any]


def examine(opus_library: str | None = None) -> Iterator[Row]:
    """Yield a row for each thing that was looked for: kind, name, found, version, detail.

    Args:
        opus_library: A file to look at as libopus, beside those that are found.
    """
    yield _row("program", "audiokit", audiokit.__version__)
    yield _row("program", "python", platform.python_version(), platform.platform())
    yield from _opus_rows(opus_library)
    seen: set[str] = set()
    for name, extra in _requirements():
        # A package that the core brings is not told again for an extra.
        if name in seen or name == "audiokit":
            continue
        seen.add(name)
        yield _package_row(name, extra)


def _row(kind: str, name: str, found: str | None, detail: str = "") -> Row:
    return {
        "kind": kind,
        "name": name,
        "found": found is not None,
        "version": found,
        "detail": detail,
    }


def _opus_rows(opus_library: str | None) -> Iterator[Row]:
    try:
        used = open_opus(opus_library)
    except MissingDeviceError as error:
        yield _row("library", "libopus", None, str(error))
        return
    can = probe_opus(used)
    facts = _row("library", "libopus", used.found.version, f"used: {used.found.path}")
    yield facts | {
        "decoder_bytes": used.found.decoder_bytes,
        "deep_plc": can.has_deep_plc,
        "osce": can.has_osce,
        "dred": can.has_dred,
    }
    others: dict[str, FoundLibrary] = {found.path: found for found in libraries()}
    for path, found in others.items():
        if find_libopus(path) != used.found:
            yield _row("library", "libopus", found.version, f"not used: {path}")


def _requirements() -> Iterator[tuple[str, str]]:
    """Yield each package that audiokit names, with the extra that brings it."""
    try:
        lines = requires("audiokit") or []
    except PackageNotFoundError:
        return  # run from its folder, without having been installed
    for line in lines:
        name = line.partition(";")[0]
        for mark in "[<>=!~ (":
            name = name.partition(mark)[0]
        _, _, extra = line.partition("extra == ")
        yield name.strip(), extra.strip().strip("'\"")


def _package_row(name: str, extra: str) -> Row:
    kind = f"extra {extra}" if extra else "package"
    try:
        return _row(kind, name, version(name))
    except PackageNotFoundError:
        wanted = f"'audiokit[{extra}]'" if extra else name
        return _row(kind, name, None, f"pip install {wanted}")
