"""One training run: its settings on the command line, its learning rate, its record."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["add_setting_flags", "rate_share", "save_run"]


def add_setting_flags(parser: argparse.ArgumentParser, settings: type[Any]) -> None:
    """Add a flag for every field of a settings class, its default that of the field."""
    for field in fields(settings):
        flag = f"--{field.name.replace('_', '-')}"
        parser.add_argument(flag, type=type(field.default), default=field.default)


def rate_share(step: int, n_steps: int) -> float:
    """Return the share of the highest learning rate: a short rise, then half a cosine.

    Args:
        step: Counted from 0.
        n_steps: Of the run.
    """
    return min(1.0, (step + 1) / 100) * (0.5 * (1.0 + math.cos(math.pi * step / n_steps)) + 0.01)


def save_run(out: Path, run: Mapping[str, Any]) -> None:
    """Write the weights of a run, and its record beside them as JSON.

    Args:
        out: File of the weights, ``….npz``.
        run: ``weights`` and ``record``.
    """
    np.savez(out, **run["weights"])
    out.with_suffix(".json").write_text(json.dumps(run["record"], indent=1) + "\n")
