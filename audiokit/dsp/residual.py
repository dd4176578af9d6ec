"""What a processor takes away, as a stream of its own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from audiokit.errors import SettingError
from audiokit.stage import Block, Chain, Fact, Processor

__all__ = ["Residual"]


class Residual(Processor):
    """Give the input minus the output of a processor, aligned in time.

    What it gives and what the processor gives add up to the input, to the rounding of one
    float32 addition. As late as the processor, and as independent of how the stream is cut.

    Args:
        processor: What takes away; it is used from here alone.

    Raises:
        SettingError: The processor changes the format, so that nothing can be subtracted.
    """

    def __init__(self, processor: Processor) -> None:
        if processor.out_fmt != processor.fmt:
            name = type(processor).__name__
            raise SettingError("processor", name, "one that keeps rate and channels")
        self.fmt = processor.fmt
        self.latency_samples = processor.latency_samples
        self._processor = processor
        self._waiting = self.fmt.silence(0)

    @property
    def tolerance(self) -> float:  # type: ignore[override]  # that of an object, not of the class
        """The processor's; a chain's is that of all its stages together."""
        if isinstance(self._processor, Chain):
            return self._processor.tolerance_in_sum
        return self._processor.tolerance

    def reset(self) -> None:
        self._processor.reset()
        self._waiting = self.fmt.silence(0)

    def process(self, block: Block) -> Block:
        # The copy is what makes it safe that a stage may write into its block.
        waiting = np.concatenate([self._waiting, block])
        return self._subtract(waiting, self._processor.process(block))

    def flush(self) -> Block:
        return self._subtract(self._waiting, self._processor.flush())

    def facts(self) -> Mapping[str, Fact]:
        """Return what the processor says of itself."""
        return self._processor.facts()

    def _subtract(self, waiting: Block, ready: Block) -> Block:
        self._waiting = waiting[len(ready) :]
        removed: Block = waiting[: len(ready)] - ready
        return removed
