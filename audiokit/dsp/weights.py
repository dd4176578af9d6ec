"""What networks have learnt, as it lies in the package: in 8 bits."""

from __future__ import annotations

from importlib import resources

import numpy as np
from numpy.typing import NDArray

__all__ = ["load_weights"]


def load_weights(package: str, name: str) -> dict[str, NDArray[np.float32]]:
    """Return all weights of a network by name, in single precision.

    Matrices lie in 8 bits, with one scale for each column under ``<name>.scale``; everything
    else is in half precision.

    Args:
        package: Where the file lies.
        name: The file, ``….npz``.
    """
    with resources.as_file(resources.files(package) / name) as path, np.load(path) as file:
        stored = {name: file[name].astype(np.float32) for name in file.files}
    return {
        name: values * stored.get(f"{name}.scale", np.float32(1.0))
        for name, values in stored.items()
        if not name.endswith(".scale")
    }
