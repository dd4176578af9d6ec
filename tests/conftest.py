"""Fixtures that every test shares, and nothing to import."""

from __future__ import annotations

import os
import signal
from pathlib import Path

# Before NumPy loads: two BLAS threads make small work slower and timings noise.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import pytest

# A shell's background job, as a CI runner may start, is born deaf to Ctrl-C, and so would be
# every command that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def samples() -> Path:
    """The project's own clips."""
    return PROJECT / "samples"


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Real recordings, which are not part of the project."""
    folder = Path(os.environ.get("AUDIOKIT_TEST_DATA", PROJECT.parent / "shared" / "data"))
    if not (folder / "MANIFEST.csv").is_file():
        pytest.skip(f"no recordings in {folder}; set AUDIOKIT_TEST_DATA")
    return folder
