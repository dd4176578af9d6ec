"""The judge's network as torch sees it: the same arithmetic as `quality.network`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from audiokit.quality.bands import N_BANDS
from audiokit.quality.network import (
    N_HEADS,
    N_OUTPUTS,
    N_STATISTICS,
    PATCH_FRAMES,
    PATCH_HOP,
    PATCH_SPAN,
)
from audiokit.training.shipping import ShippedModel

__all__ = ["JudgeModel"]

_LAYERS = ("patch", "span", "attention", "dense", "narrow", "out")


class JudgeModel(ShippedModel):
    """From stretches of band levels to what is said of a recording.

    Args:
        width: Values of the layers that hear, a multiple of `N_HEADS`.
        dense_width: Values of the layers that judge; the second has half as many.
        dropout: Share of values left out in training.
    """

    matrices = {name: f"{name}.weight" for name in _LAYERS}  # noqa: RUF012  typed by the base
    vectors = {f"{name}_bias": f"{name}.bias" for name in _LAYERS}  # noqa: RUF012

    def __init__(self, width: int, dense_width: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.patch = nn.Linear(PATCH_FRAMES * N_BANDS, width)
        self.span = nn.Linear(PATCH_SPAN * width, width)
        self.attention = nn.Linear(width, N_HEADS)
        self.dense = nn.Linear(2 * width + N_STATISTICS, dense_width)
        self.narrow = nn.Linear(dense_width, dense_width // 2)
        self.out = nn.Linear(dense_width // 2, N_OUTPUTS)
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs: Tensor, statistics: Tensor, n_frames: Tensor) -> Tensor:
        """Return what is said, ``(takes, N_OUTPUTS)``.

        Args:
            inputs: Relative levels, ``(takes, stretches, STRETCH_FRAMES, N_BANDS)``.
            statistics: ``(takes, N_STATISTICS)``.
            n_frames: Of each stretch, ``(takes, stretches)``; 0 where it is not there.
        """
        patches = inputs.unfold(2, PATCH_FRAMES, PATCH_HOP).transpose(-1, -2).flatten(-2)
        hidden = torch.relu(self.patch(patches))
        spans = hidden.unfold(2, PATCH_SPAN, 1).transpose(-1, -2).flatten(-2)
        moments = torch.relu(self.span(spans))
        last = torch.arange(moments.shape[2]) * PATCH_HOP
        last = last + (PATCH_SPAN - 1) * PATCH_HOP + PATCH_FRAMES
        is_there = (last <= n_frames[..., None])[..., None]
        heed = torch.exp(4.0 * torch.tanh(self.attention(moments))) * is_there
        heed = heed.flatten(1, 2)[..., None]
        split = moments.flatten(1, 2).unflatten(-1, (N_HEADS, -1))
        weight = heed.sum(1) + 1e-9
        mean = (heed * split).sum(1) / weight
        square = (heed * split.square()).sum(1) / weight
        deviation = torch.sqrt((square - mean.square()).clamp_min(0.0) + 1e-4)
        heard = torch.cat([mean.flatten(1), deviation.flatten(1), statistics], -1)
        hidden = self.dropout(torch.relu(self.dense(self.dropout(heard))))
        said: Tensor = self.out(torch.relu(self.narrow(hidden)))
        return said
