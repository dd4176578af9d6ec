"""The program as its user runs it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.fixture
def audiokit(tmp_path):
    """Run ``audiokit`` with these arguments; return what it printed and its exit code."""

    def run(*arguments, stdin=None, env=None, timeout=120, cwd=tmp_path):
        clean = {name: v for name, v in os.environ.items() if not name.startswith("AUDIOKIT_")}
        clean["XDG_CONFIG_HOME"] = str(tmp_path / "config")
        clean["XDG_STATE_HOME"] = str(tmp_path / "state")
        return subprocess.run(
            [sys.executable, "-m", "audiokit", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=not isinstance(stdin, bytes),
            cwd=cwd,
            env=clean | {"COLUMNS": "80"} | (env or {}),
            timeout=timeout,
            check=False,
        )

    return run
