"""Weights as the package ships them: matrices in 8 bits, and a hash of them all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

__all__ = ["ShippedModel", "read_shipped", "ship_weights", "weights_digest"]


class ShippedModel(nn.Module):
    """A network whose weights the package ships.

    A network says of which matrices and vectors it is made: from the shipped name of each to
    torch's.
    """

    matrices: ClassVar[Mapping[str, str]]
    vectors: ClassVar[Mapping[str, str]]

    def begin_with(self, shipped: Mapping[str, NDArray[np.generic]]) -> None:
        """Take over weights as the package ships them.

        Args:
            shipped: As `shipped` gives them, of a network of the same shape.
        """
        values = read_shipped(shipped, matrices=self.matrices, vectors=self.vectors)
        self.load_state_dict({name: torch.from_numpy(value) for name, value in values.items()})

    def shipped(self) -> dict[str, NDArray[np.generic]]:
        """Return the weights as the package ships them (see `ship_weights`)."""
        values = {name: value.detach().numpy() for name, value in self.state_dict().items()}
        return ship_weights(values, matrices=self.matrices, vectors=self.vectors)


def ship_weights(
    values: Mapping[str, NDArray[np.float32]],
    *,
    matrices: Mapping[str, str],
    vectors: Mapping[str, str],
) -> dict[str, NDArray[np.generic]]:
    """Return weights as `audiokit.dsp.weights.load_weights` reads them.

    Every column of a matrix, all that one value of the next layer is made of, has a scale of
    its own; everything else is in half precision.

    Args:
        values: Weights as torch calls them; matrices turned, as torch has them.
        matrices: From the shipped name of each to torch's.
        vectors: The same of those that stay in half precision.
    """
    shipped: dict[str, NDArray[np.generic]] = {}
    for name, place in matrices.items():
        columns = values[place].T
        scale = (np.abs(columns).max(axis=0) / 127.0 + 1e-12).astype(np.float16)
        steps = np.round(columns / scale.astype(np.float32))
        shipped[name] = steps.clip(-127, 127).astype(np.int8)
        shipped[f"{name}.scale"] = scale
    for name, place in vectors.items():
        shipped[name] = values[place].astype(np.float16)
    return shipped


def read_shipped(
    shipped: Mapping[str, NDArray[Any]],
    *,
    matrices: Mapping[str, str],
    vectors: Mapping[str, str],
) -> dict[str, NDArray[np.float32]]:
    """Return the values of shipped weights, named and turned as torch has them.

    Args:
        shipped: As `ship_weights` gives them.
        matrices: See `ship_weights`.
        vectors: See `ship_weights`.
    """
    values = {}
    for name, place in matrices.items():
        columns = shipped[name] * shipped[f"{name}.scale"].astype(np.float32)
        values[place] = np.ascontiguousarray(columns.T)
    for name, place in vectors.items():
        values[place] = shipped[name].astype(np.float32)
    return values


def weights_digest(weights: Mapping[str, NDArray[Any]]) -> str:
    """Return a hash of all weights, whatever file they lie in."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].tobytes())
    return digest.hexdigest()
