"""The concealers' network as torch sees it: the same arithmetic as in `transit`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from audiokit.training.shipping import ShippedModel
from audiokit.transit.conceal_bands import N_BANDS
from audiokit.transit.conceal_network import LEAST_GAIN, MOST_GAIN

__all__ = ["ConcealmentModel"]

_LAYERS = ("first", "second", "last")


class ConcealmentModel(ShippedModel):
    """From what is heard around a gap to the gains of ways through it.

    Args:
        n_inputs: Values that it hears.
        width: Values of the first layer; the second has as many.
        usual: Logarithms of the gains without it, ``(ways, frames, 1)``.
    """

    matrices = {name: f"{name}.weight" for name in _LAYERS}  # noqa: RUF012  as the base says
    vectors = {f"{name}_bias": f"{name}.bias" for name in _LAYERS}  # noqa: RUF012  likewise

    def __init__(self, n_inputs: int, width: int, usual: Tensor) -> None:
        super().__init__()
        self.first = nn.Linear(n_inputs, width)
        self.second = nn.Linear(width, width)
        self.last = nn.Linear(width, usual.shape[0] * usual.shape[1] * N_BANDS)
        # What is not learnt yet changes nothing.
        nn.init.normal_(self.last.weight, std=0.005)
        nn.init.zeros_(self.last.bias)
        self._usual = usual

    def forward(self, inputs: Tensor) -> Tensor:
        """Return gains, ``(gaps, ways, frames, N_BANDS)``.

        Args:
            inputs: ``(gaps, inputs)``.
        """
        hidden = torch.relu(self.second(torch.relu(self.first(inputs))))
        said: Tensor = self.last(hidden)
        changed = said.reshape(-1, self._usual.shape[0], self._usual.shape[1], N_BANDS)
        return torch.exp((changed + self._usual).clamp(LEAST_GAIN, MOST_GAIN))
