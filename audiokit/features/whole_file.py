"""What every engine is that computes at the end of the stream."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from audiokit.features.engines import Device
from audiokit.features.plan import Plan

__all__ = ["WholeFileEngine"]


class WholeFileEngine(ABC):
    """Compute the rows of a whole recording: for comparison, or on another device.

    Args:
        plan: The frame rule, and every setting.
        names: Families, in the order of their columns; all of them known to the engine.
        device: Where to compute.

    Raises:
        MissingExtraError: What it needs is not installed.
        MissingDeviceError: The device is not there.
    """

    def __init__(self, plan: Plan, names: tuple[str, ...], *, device: Device) -> None:
        self.check_installed(device)
        self.plan, self.names, self.device = plan, names, device

    @classmethod
    @abstractmethod
    def check_installed(cls, device: Device) -> None:
        """Load what the engine needs.

        Raises:
            MissingExtraError: It is not installed.
            MissingDeviceError: The device is not there.
        """

    @abstractmethod
    def rows(self, mono: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the rows of a recording, ``(frames, columns of all families)``.

        Args:
            mono: ``(samples,)``, long enough for a frame.
        """
