"""The mask network as torch sees it: the same arithmetic as `denoise.mask_network`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from audiokit.denoise.bands import N_GROUPS, N_POINTS, neighbourhoods
from audiokit.denoise.point_levels import N_FEATURES
from audiokit.training.shipping import ShippedModel

__all__ = ["MaskModel"]

# What each group of points is told of the whole spectrum.
_TOLD = 12
# As the package ships them, and as torch calls them.
_MATRICES = {
    "entry": "entry.weight",
    "from_input": "memory.weight_ih_l0",
    "from_state": "memory.weight_hh_l0",
    "context": "context.weight",
    "from_near": "near.weight_ih_l0",
    "from_near_state": "near.weight_hh_l0",
    "out": "out.weight",
    "near_out": "near_out.weight",
}
_VECTORS = {
    "entry_bias": "entry.bias",
    "input_bias": "memory.bias_ih_l0",
    "state_bias": "memory.bias_hh_l0",
    "context_bias": "context.bias",
    "near_bias": "near.bias_ih_l0",
    "near_state_bias": "near.bias_hh_l0",
    "out_bias": "out.bias",
    "loudness_slope": "loudness_slope",
}


class MaskModel(ShippedModel):
    """From what is heard to the logit of the mask at each point.

    Args:
        width: Values that the layer which hears the whole spectrum carries.
        near_width: Values that each group of points carries.
    """

    matrices = _MATRICES
    vectors = _VECTORS

    def __init__(self, width: int, near_width: int) -> None:
        super().__init__()
        self._neighbourhoods = torch.from_numpy(neighbourhoods())
        n_near = self._neighbourhoods.shape[1]
        self.entry = nn.Linear(N_FEATURES, width)
        self.memory = nn.GRU(width, width)
        self.context = nn.Linear(width, N_GROUPS * _TOLD)
        self.near = nn.GRU(n_near + _TOLD, near_width)
        self.near_out = nn.Linear(near_width, n_near // 2, bias=False)
        self.out = nn.Linear(width, 2 * N_POINTS)
        self.loudness_slope = nn.Parameter(torch.zeros(N_POINTS))
        with torch.no_grad():
            # To begin with, let everything pass.
            self.out.bias.view(N_GROUPS, 2, -1)[:, 0] = 1.0

    def forward(self, features: Tensor) -> Tensor:
        """Return logits, ``(frames, signals, N_POINTS)``.

        Args:
            features: ``(frames, signals, N_FEATURES)``.
        """
        shape = features.shape[:2]
        hidden = torch.relu(self.entry(features))
        hidden = hidden + self.memory(hidden)[0]
        told = self.context(hidden).view(*shape, N_GROUPS, _TOLD)
        heard = nn.functional.pad(features, (0, 1))[..., self._neighbourhoods]
        near = torch.cat([heard, told], -1).flatten(1, 2)
        said_near = self.near_out(self.near(near)[0]).view(*shape, -1)
        said = (self.out(hidden) + said_near).view(*shape, N_GROUPS, 2, -1)
        offset, slope = (said[..., part, :].flatten(-2) for part in (0, 1))
        loudness, contrast = features[..., :N_POINTS], features[..., N_POINTS:]
        logits: Tensor = offset + slope * contrast + self.loudness_slope * loudness
        return logits
