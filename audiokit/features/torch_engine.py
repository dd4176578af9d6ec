"""torch as an engine of the extractor: one recording at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import MissingExtraError
from audiokit.features.engines import Device
from audiokit.features.whole_file import WholeFileEngine

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["TorchEngine"]


class TorchEngine(WholeFileEngine):
    """Let torch compute the rows, on a processor or a CUDA device.

    It keeps the whole recording. One recording fills no GPU: for many of them call
    `audiokit.features.torch_batch.TorchFeatures`.
    """

    @classmethod
    def check_installed(cls, device: Device) -> None:
        _batch_module().check_device(device)

    def rows(self, mono: NDArray[np.float32]) -> NDArray[np.float32]:
        # Built when needed: tensors on a device cannot be pickled with their extractor.
        work: Any = _batch_module().TorchWork(self.plan, self.names, device=self.device)
        (rows,) = work.rows([mono])
        return np.asarray(rows, np.float32)


def _batch_module() -> ModuleType:
    try:
        from audiokit.features import torch_batch
    except ImportError as error:
        raise MissingExtraError("the engine torch", "gpu") from error
    return torch_batch
