"""What the machine offers: versions, the libopus that is used, engines and extras."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

import audiokit
from audiokit.codec.opus_binding import open_opus
from audiokit.codec.opus_library import FoundLibrary, find_libopus, libraries
from audiokit.codec.opus_probe import probe_opus
from audiokit.errors import MissingDeviceError

__all__ = ["examine"]

Row = dict[str, Any]
# What only those need who work on audiokit itself.
_FOR_DEVELOPERS = frozenset({"bench", "dev", "docs"})


def examine(opus_library: str | None = None) -> Iterator[Row]:
    """Yield a row for each thing that was looked for: kind, name, found, version, detail.

    Args:
        opus_library: A file to look at as libopus, beside those that are found.
    """
    yield _row("program", "audiokit", audiokit.__version__)
    yield _row("program", "python", platform.python_version(), platform.platform())
    yield from _opus_rows(opus_library)
    yield from _library_rows()
    yield from _package_rows()


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


def _library_rows() -> Iterator[Row]:
    """Yield what the packages bring, or look for on the system."""
    yield _library_row("libsndfile", _libsndfile_version, "pip install soundfile")
    yield _library_row("FFmpeg (libavcodec)", _libavcodec_version, "pip install av")
    yield _library_row("PortAudio", _portaudio_version, "apt-get install libportaudio2")


def _library_row(name: str, ask: Callable[[], str], hint: str) -> Row:
    try:
        return _row("library", name, ask())
    except (ImportError, OSError):
        # The package is not there, or does not find its library.
        return _row("library", name, None, hint)


def _libsndfile_version() -> str:
    import soundfile

    return str(soundfile.__libsndfile_version__)


def _libavcodec_version() -> str:
    import av

    return ".".join(map(str, av.library_versions["libavcodec"]))


def _portaudio_version() -> str:
    import sounddevice

    said = str(sounddevice.get_portaudio_version()[1])
    return said.removeprefix("PortAudio ").partition(",")[0]


def _requirements() -> Iterator[tuple[str, str, bool]]:
    """Yield each package that audiokit names, the extra that brings it, and if it depends."""
    try:
        lines = requires("audiokit") or []
    except PackageNotFoundError:
        return  # run from its folder, without having been installed
    for line in lines:
        found = re.match(r"[\w.-]+", line)
        extra = re.search(r"extra == ['\"](\w+)", line)
        depends = "python_version" in line or "sys_platform" in line
        if found is not None and (extra is None or extra[1] not in _FOR_DEVELOPERS):
            yield found[0], extra[1] if extra else "", depends


def _package_rows() -> Iterator[Row]:
    seen = {"audiokit"}
    for name, extra, depends in _requirements():
        # A package that the core brings is not told again for an extra.
        if name in seen:
            continue
        seen.add(name)
        kind = f"extra {extra}" if extra else "package"
        try:
            yield _row(kind, name, version(name))
        except PackageNotFoundError:
            # Some are for other systems and Pythons, and rightly absent.
            if not depends:
                wanted = f"'audiokit[{extra}]'" if extra else name
                yield _row(kind, name, None, f"pip install {wanted}")
