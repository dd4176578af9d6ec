"""All faults of a signal, as the tests of single faults ask for them."""

from __future__ import annotations

import numpy as np

from audiokit.quality.faults import Faults
from audiokit.quality.frames import Stretcher
from audiokit.stage import StreamFormat


def heard(samples, rate=16000):
    """Return the report on samples, ``(n,)`` or ``(n, channels)``."""
    columns = samples[:, np.newaxis] if samples.ndim == 1 else samples
    block = np.ascontiguousarray(columns, np.float32)
    fmt = StreamFormat(rate, block.shape[1])
    faults, stretcher = Faults(fmt), Stretcher(fmt)
    for stretch in [*stretcher.push(block), *stretcher.rest()]:
        faults.add(stretch)
    return faults.report()
