"""One training run: its settings on the command line, its learning rate, its record."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from audiokit.training.corpus import Corpus
from audiokit.training.shipping import weights_digest

__all__ = ["add_setting_flags", "rate_share", "run_record", "save_run"]


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


def run_record(
    settings: Any, corpus: Corpus, weights: Mapping[str, NDArray[Any]], **reached: Any
) -> dict[str, Any]:
    """Return what a run was and what it reached: enough to repeat it, and to know it again.

    Args:
        settings: The run's, a dataclass.
        corpus: What it learnt from.
        weights: What it gave, by name, as the package ships them.
        **reached: Further figures of its own, by name.
    """
    return {
        "settings": asdict(settings),
        "corpus": corpus.digest,
        "torch": torch.__version__,
        "numpy": np.__version__,
        **reached,
        "weights_sha256": weights_digest(weights),
    }


def save_run(out: Path, run: Mapping[str, Any]) -> None:
    """Write the weights of a run, and its record beside them as JSON.

    Args:
        out: File of the weights, ``….npz``.
        run: ``weights`` and ``record``.
    """
    np.savez(out, **run["weights"])
    out.with_suffix(".json").write_text(json.dumps(run["record"], indent=1) + "\n")
