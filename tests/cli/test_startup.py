"""The program answers at once, and loads only what a command needs."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from audiokit import __version__
from audiokit.cli.app import COMMANDS, load_command

# Not pydantic: Typer itself looks for it, and finds it where developers have it.
HEAVY = {"scipy", "librosa", "numba", "pandas", "torch", "sklearn", "matplotlib"}
PRINT_MODULES = """
import sys
sys.argv = ["audiokit", *{arguments!r}]
from audiokit.__main__ import main
try:
    main()
except SystemExit:
    pass
print("MODULES", *sorted({{name.partition(".")[0] for name in sys.modules}}))
"""


def modules_after(*arguments):
    code = PRINT_MODULES.format(arguments=list(arguments))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.rpartition("MODULES")[2].split())


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], []])
def test_the_first_answers_import_nothing_heavy(arguments):
    assert not modules_after(*arguments) & (HEAVY | {"numpy", "soundfile", "av", "joblib", "rich"})


def test_the_version_needs_no_typer():
    assert "typer" not in modules_after("--version")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_imports_nothing_heavy(command):
    assert not modules_after(command, "--help") & (HEAVY | {"soundfile", "av", "joblib"})


@pytest.mark.parametrize("command", COMMANDS)
def test_the_line_in_the_table_is_the_first_line_of_the_commands_own_help(command):
    own = load_command(command).help.splitlines()[0]
    assert own == COMMANDS[command]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_shows_an_example(command):
    assert f"audiokit {command}" in load_command(command).epilog


def test_the_version_is_the_packages():
    done = subprocess.run(
        [sys.executable, "-m", "audiokit", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"audiokit {__version__}\n"
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
