"""The detector's network as torch sees it: the same arithmetic as `vad.network`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from audiokit.training.shipping import read_shipped, ship_weights
from audiokit.vad.inputs import N_INPUTS
from audiokit.vad.network import N_STACKED

__all__ = ["DetectorModel"]

# As the package ships them, and as torch calls them.
_MATRICES = {
    "entry": "entry.weight",
    "from_input": "memory.weight_ih_l0",
    "from_state": "memory.weight_hh_l0",
    "out": "out.weight",
}
_VECTORS = {
    "entry_bias": "entry.bias",
    "input_bias": "memory.bias_ih_l0",
    "state_bias": "memory.bias_hh_l0",
    "out_bias": "out.bias",
}


class DetectorModel(nn.Module):
    """From what is heard to the logit of speech.

    Args:
        width: Values of the first layer.
        memory_width: Values that the recurrent unit carries.
    """

    def __init__(self, width: int, memory_width: int) -> None:
        super().__init__()
        self.entry = nn.Linear(N_STACKED * N_INPUTS, width)
        self.memory = nn.GRU(width, memory_width)
        self.out = nn.Linear(memory_width, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits, ``(frames, scenes)``; of earlier frames (see `vad.network`).

        Args:
            inputs: ``(frames, scenes, N_INPUTS)``.
        """
        n_frames = len(inputs)
        before = inputs.new_zeros(N_STACKED - 1, *inputs.shape[1:])
        frames = torch.cat([before, inputs])
        stacked = torch.cat([frames[at : at + n_frames] for at in range(N_STACKED)], -1)
        hidden = torch.relu(self.entry(stacked))
        logits: Tensor = self.out(self.memory(hidden)[0])[..., 0]
        return logits

    def begin_with(self, shipped: Mapping[str, NDArray[np.generic]]) -> None:
        """Take over weights as the package ships them.

        Args:
            shipped: As `shipped` gives them, of a network of the same shape.
        """
        values = read_shipped(shipped, matrices=_MATRICES, vectors=_VECTORS)
        self.load_state_dict({name: torch.from_numpy(value) for name, value in values.items()})

    def shipped(self) -> dict[str, NDArray[np.generic]]:
        """Return the weights as the package ships them (see `ship_weights`)."""
        values = {name: value.detach().numpy() for name, value in self.state_dict().items()}
        return ship_weights(values, matrices=_MATRICES, vectors=_VECTORS)
