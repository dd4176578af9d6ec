"""The mask network as torch sees it: the same arithmetic as `denoise.mask_network`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from audiokit.denoise.bands import N_POINTS
from audiokit.denoise.point_levels import N_FEATURES

__all__ = ["MaskModel"]


class MaskModel(nn.Module):
    """From what is heard to the logit of the mask at each point.

    Args:
        width: Values that each layer carries.
        n_layers: Recurrent layers.
    """

    def __init__(self, width: int, n_layers: int) -> None:
        super().__init__()
        self.entry = nn.Linear(N_FEATURES, width)
        self.memories = nn.ModuleList([nn.GRU(width, width) for _ in range(n_layers)])
        self.out = nn.Linear(width, 2 * N_POINTS)
        self.loudness_slope = nn.Parameter(torch.zeros(N_POINTS))
        with torch.no_grad():
            # To begin with, let everything pass.
            self.out.bias[:N_POINTS] = 1.0

    def forward(self, features: Tensor) -> Tensor:
        """Return logits, ``(frames, signals, N_POINTS)``.

        Args:
            features: ``(frames, signals, N_FEATURES)``.
        """
        hidden = torch.relu(self.entry(features))
        for memory in self.memories:
            hidden = hidden + memory(hidden)[0]
        said = self.out(hidden)
        offset, slope = said[..., :N_POINTS], said[..., N_POINTS:]
        loudness, contrast = features[..., :N_POINTS], features[..., N_POINTS:]
        logits: Tensor = offset + slope * contrast + self.loudness_slope * loudness
        return logits

    def begin_with(self, shipped: Mapping[str, NDArray[np.generic]]) -> None:
        """Take over weights as the package ships them.

        Args:
            shipped: As `shipped` gives them, of a network of the same shape.
        """

        def matrix(name: str) -> Tensor:
            columns = shipped[name] * shipped[f"{name}.scale"].astype(np.float32)
            return torch.from_numpy(np.ascontiguousarray(columns.T))

        def vector(name: str) -> Tensor:
            return torch.from_numpy(shipped[name].astype(np.float32))

        values = {"loudness_slope": vector("loudness_slope")}
        for name in ("entry", "out"):
            values |= {f"{name}.weight": matrix(name), f"{name}.bias": vector(f"{name}_bias")}
        for layer in range(len(self.memories)):
            place = f"memories.{layer}"
            values[f"{place}.weight_ih_l0"] = matrix(f"from_input_{layer}")
            values[f"{place}.weight_hh_l0"] = matrix(f"from_state_{layer}")
            values[f"{place}.bias_ih_l0"] = vector(f"input_bias_{layer}")
            values[f"{place}.bias_hh_l0"] = vector(f"state_bias_{layer}")
        self.load_state_dict(values)

    def shipped(self) -> dict[str, NDArray[np.generic]]:
        """Return the weights as the package ships them: matrices in 8 bits.

        Every column, all that one value of the next layer is made of, has a scale of its
        own; everything else is in half precision.
        """
        shipped: dict[str, NDArray[np.generic]] = {}
        values = {name: value.detach().numpy() for name, value in self.state_dict().items()}
        matrices = {"entry": values["entry.weight"], "out": values["out.weight"]}
        vectors = {
            "entry_bias": values["entry.bias"],
            "out_bias": values["out.bias"],
            "loudness_slope": values["loudness_slope"],
        }
        for layer in range(len(self.memories)):
            matrices[f"from_input_{layer}"] = values[f"memories.{layer}.weight_ih_l0"]
            matrices[f"from_state_{layer}"] = values[f"memories.{layer}.weight_hh_l0"]
            vectors[f"input_bias_{layer}"] = values[f"memories.{layer}.bias_ih_l0"]
            vectors[f"state_bias_{layer}"] = values[f"memories.{layer}.bias_hh_l0"]
        for name, weights in matrices.items():
            columns = weights.T
            scale = (np.abs(columns).max(axis=0) / 127.0 + 1e-12).astype(np.float16)
            steps = np.round(columns / scale.astype(np.float32))
            shipped[name] = steps.clip(-127, 127).astype(np.int8)
            shipped[f"{name}.scale"] = scale
        for name, weights in vectors.items():
            shipped[name] = weights.astype(np.float16)
        return shipped
