"""Finding libopus: by its path, on the system, in PyAV's wheel; and saying that it is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from audiokit.codec.opus_binding import open_opus
from audiokit.codec.opus_library import FoundLibrary, find_libopus, libraries
from audiokit.codec.opus_probe import probe_opus
from audiokit.errors import MissingDeviceError, SettingError


def run(program):
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


def test_the_best_of_those_that_are_there_is_found():
    found = find_libopus()
    assert found.number >= (1, 1)
    for other in libraries():
        assert (found.seems_deep, found.number) >= (other.seems_deep, other.number)


def test_the_wheel_of_pyav_brings_one_that_is_found_without_importing_it():
    pytest.importorskip("av")
    done = run(
        "import sys\n"
        "from audiokit.codec.opus_library import libraries\n"
        "print([found.path for found in libraries()], 'av' in sys.modules)"
    )
    assert "av" in done.stdout.rpartition("]")[0]
    assert done.stdout.endswith("False\n"), done.stderr


def test_each_of_them_encodes_by_its_path():
    for found in libraries():
        done = run(
            "import numpy as np\n"
            "from audiokit.codec.opus import *\n"
            "from audiokit.codec.opus_binding import open_opus\n"
            f"library = open_opus({found.path!r})\n"
            "encoder = OpusEncoder(PI_FORMAT, library=library)\n"
            "packets = encoder.push(np.full((1600, 1), 0.1, np.float32))\n"
            "decoder = OpusDecoder(PI_FORMAT, library=library)\n"
            "print(library.found.version, len(packets), len(decoder.decode(packets[0])))"
        )
        assert done.stdout == f"{found.version} 5 320\n", done.stderr


def test_importing_opuslib_says_nothing():
    done = run("from audiokit.codec.opus_binding import open_opus; open_opus()")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_search_of_others_is_left_as_it_was():
    done = run(
        "import ctypes.util\n"
        "before = ctypes.util.find_library\n"
        "from audiokit.codec.opus_binding import open_opus\n"
        "open_opus()\n"
        "assert ctypes.util.find_library is before"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("content", [None, b"no library"])
def test_a_path_without_a_library_is_named(tmp_path, content):
    path = tmp_path / "libopus.so"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        MissingDeviceError, match=r"libopus\.so is no libopus that loads, expected"
    ):
        find_libopus(str(path))


def test_a_library_of_something_else_is_refused():
    with pytest.raises(MissingDeviceError, match="is no libopus"):
        find_libopus("libc.so.6")


def test_where_there_is_none_the_error_says_how_to_get_one():
    done = run(
        "import ctypes.util, importlib.metadata as metadata\n"
        "ctypes.util.find_library = lambda name: None\n"
        "import audiokit.codec.opus_library as finder\n"
        "def absent(name): raise metadata.PackageNotFoundError(name)\n"
        "metadata.distribution = absent\n"
        "finder.find_libopus()"
    )
    assert done.returncode == 1
    assert "libopus is not there, expected version 1.1 or newer. Install libopus0" in done.stderr


def test_a_second_library_is_refused_once_one_is_loaded():
    used = open_opus().found
    others = [found for found in libraries() if found != used]
    if not others:
        pytest.skip("there is only one libopus here")
    with pytest.raises(SettingError, match="loaded already"):
        open_opus(others[0].path)


@pytest.mark.parametrize(
    ("version", "number"), [("1.6.1", (1, 6, 1)), ("1.5.2-12-gab", (1, 5, 2)), ("unknown", (0,))]
)
def test_versions_compare_as_numbers(version, number):
    assert FoundLibrary("libopus.so.0", version, 18_000).number == number


def test_deep_concealment_is_told_by_what_is_heard():
    used = open_opus()
    can = probe_opus(used)
    # Both signs of deep PLC agree: the size of the state, and the sound at complexity 5.
    assert can.has_deep_plc == used.found.seems_deep
