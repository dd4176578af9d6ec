"""The networks of the judge as torch sees them: the same arithmetic as `quality.network`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from audiokit.quality.network import N_FEATURES, N_MEMBERS, N_OUTPUTS, Member
from audiokit.training.shipping import ShippedModel

__all__ = ["JudgeModel"]

_LAYERS = tuple(name for name in Member._fields if not name.endswith("_bias"))


class JudgeModel(ShippedModel):
    """From what is heard of a recording to what is said of it.

    Args:
        width: Values of the first layer of each member; the second has half as many.
        dropout: Share of values left out in training.
    """

    matrices = {  # noqa: RUF012  typed by the base
        f"{layer}{at}": f"members.{at}.{layer}.weight"
        for at in range(N_MEMBERS)
        for layer in _LAYERS
    }
    vectors = {  # noqa: RUF012  typed by the base
        f"{layer}_bias{at}": f"members.{at}.{layer}.bias"
        for at in range(N_MEMBERS)
        for layer in _LAYERS
    }

    def __init__(self, width: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.members = nn.ModuleList(_Member(width, dropout) for _ in range(N_MEMBERS))

    def forward(self, heard: Tensor) -> Tensor:
        """Return what each member says, ``(members, takes, N_OUTPUTS)``.

        Args:
            heard: Features less their centre over their scale, ``(takes, N_FEATURES)``.
        """
        return torch.stack([member(heard) for member in self.members])


class _Member(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.dense = nn.Linear(N_FEATURES, width)
        self.narrow = nn.Linear(width, width // 2)
        self.out = nn.Linear(width // 2, N_OUTPUTS)
        self.light, self.heavy = nn.Dropout(0.5 * dropout), nn.Dropout(dropout)

    def forward(self, heard: Tensor) -> Tensor:
        hidden = self.heavy(torch.relu(self.dense(self.light(heard))))
        said: Tensor = self.out(torch.relu(self.narrow(hidden)))
        return said
