"""The detector's network as torch sees it: the same arithmetic as `vad.network`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from audiokit.training.shipping import ShippedModel
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


class DetectorModel(ShippedModel):
    """From what is heard to the logit of speech.

    Args:
        width: Values of the first layer.
        memory_width: Values that the recurrent unit carries.
    """

    matrices = _MATRICES
    vectors = _VECTORS

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
