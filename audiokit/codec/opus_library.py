"""Finding libopus: where the user says, on the system, or inside the wheel of PyAV.

Nothing is decoded here: a library is asked for its version and for the size of its states,
which is what tells the better of two.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath

from audiokit.errors import MissingDeviceError

__all__ = ["FoundLibrary", "find_libopus", "libraries"]

# 18,228 bytes in libopus 1.3.1 and 18,468 in 1.6.1 for one channel; deep PLC keeps two
# networks' states and their history beside that.
_PLAIN_DECODER_BYTES = 24_000
_OLDEST = (1, 1)
_WHEEL_FILE = re.compile(r"(lib)?opus[-.].*(so(\.\d+)*|dylib|dll)", re.IGNORECASE)
_HINT = (
    "Install libopus0 (apt-get install libopus0, brew install opus), or PyAV (pip install av), "
    "whose wheel brings one."
)


@dataclass(frozen=True, slots=True)
class FoundLibrary:
    """A libopus that loads.

    Args:
        path: Its file, or the name under which the system's loader knows it.
        version: What it says, such as ``1.6.1``.
        decoder_bytes: Size of its decoder's state for one channel.
    """

    path: str
    version: str
    decoder_bytes: int

    @property
    def number(self) -> tuple[int, ...]:
        """The version in numbers, for comparing; ``(0,)`` where it says none."""
        found = re.match(r"\d+(\.\d+)*", self.version)
        return tuple(int(part) for part in found[0].split(".")) if found else (0,)

    @property
    def seems_deep(self) -> bool:
        """Whether its decoder is so large that it conceals by networks (deep PLC)."""
        return self.decoder_bytes > _PLAIN_DECODER_BYTES


def find_libopus(path: str | None = None) -> FoundLibrary:
    """Return the libopus to use: the one named, else the best one that is there.

    The best is one with deep PLC, then the newest; of equals the system's.

    Args:
        path: Its file, where it is not to be searched for.

    Raises:
        MissingDeviceError: There is none, or the one named is none, or older than 1.1.
    """
    if path is not None:
        found = _probed(path)
        if found is None:
            expected = "expected the file of libopus 1.1 or newer"
            raise MissingDeviceError(f"{path} is no libopus that loads, {expected}. {_HINT}")
        return found
    candidates = list(libraries())
    if not candidates:
        raise MissingDeviceError(f"libopus is not there, expected version 1.1 or newer. {_HINT}")
    return max(candidates, key=lambda found: (found.seems_deep, found.number))


def libraries() -> Iterator[FoundLibrary]:
    """Yield every libopus that is there: the system's, then the one in PyAV's wheel."""
    for path in (_system_path(), _wheel_path()):
        found = _probed(path) if path is not None else None
        if found is not None:
            yield found


@lru_cache(maxsize=1)
def _system_path() -> str | None:
    return ctypes.util.find_library("opus")


@lru_cache(maxsize=1)
def _wheel_path() -> str | None:
    """Return the libopus in PyAV's wheel, by the list of its files: it is not imported."""
    # Reading metadata takes longer to import than all else here.
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        files = distribution("av").files or ()
    except PackageNotFoundError:
        return None
    for file in files:
        if _WHEEL_FILE.fullmatch(PurePath(file).name):
            return str(file.locate())
    return None


@lru_cache(maxsize=8)
def _probed(path: str) -> FoundLibrary | None:
    """Return what a library says of itself; None where it does not load or is none of ours."""
    try:
        library = ctypes.CDLL(path)
        library.opus_get_version_string.restype = ctypes.c_char_p
        library.opus_get_version_string.argtypes = ()
        library.opus_decoder_get_size.argtypes = (ctypes.c_int,)
        said = (library.opus_get_version_string() or b"").decode("ascii", "replace")
        decoder_bytes = int(library.opus_decoder_get_size(1))
    except (OSError, AttributeError):
        # Not there, of another machine, or without the functions.
        return None
    found = FoundLibrary(path, said.removeprefix("libopus "), decoder_bytes)
    # A build from a repository without tags calls itself "unknown".
    return found if found.number >= _OLDEST or found.number == (0,) else None
