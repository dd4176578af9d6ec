"""DNSMOS by the package speechmos: the only place that imports it.

The package brings its networks along; nothing is fetched.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import MissingExtraError, SettingError
from audiokit.stage import Block, Meter, StreamFormat

__all__ = ["DnsmosMeter", "DnsmosReport", "check_installed"]

RATE_HZ = 16000
# The networks hear so much at once.
_WINDOW_SAMPLES = int(9.01 * RATE_HZ)
_NAMES = {"overall": "ovrl_mos", "speech": "sig_mos", "background": "bak_mos", "p808": "p808_mos"}


@dataclass(frozen=True, slots=True)
class DnsmosReport:
    """Predicted opinions of listeners, 1 to 5; None where nothing was heard."""

    overall: float | None
    """Of the whole (OVRL, ITU-T P.835)."""
    speech: float | None
    """Of the speech (SIG)."""
    background: float | None
    """Of the background (BAK)."""
    p808: float | None
    """Of the whole, as asked by ITU-T P.808."""

    def to_row(self) -> dict[str, float | None]:
        """Return all fields by name, to three decimals."""
        values = {name: getattr(self, name) for name in _NAMES}
        return {n: None if value is None else round(value, 3) for n, value in values.items()}


def check_installed() -> None:
    """Raise where the package, or what it runs on, is not there.

    Raises:
        MissingExtraError: It is not.
    """
    if any(importlib.util.find_spec(name) is None for name in ("speechmos", "onnxruntime")):
        raise MissingExtraError("DNSMOS", "dnsmos")


class DnsmosMeter(Meter[DnsmosReport]):
    """Predict what listeners would say, in bounded memory.

    Windows of 9.01 s side by side, and one that ends with the stream; the mean over them. What
    is shorter is repeated by the package until it fills a window. Beyond full scale the
    package hears nothing, so what is louder is cut off, as a loudspeaker would.

    Args:
        fmt: 16 kHz, one channel.

    Raises:
        SettingError: Another format.
        MissingExtraError: The package is not installed.

    References:
        C. Reddy, V. Gopal, R. Cutler, "DNSMOS P.835: a non-intrusive perceptual objective
        speech quality metric to evaluate noise suppressors", ICASSP 2022.
    """

    _held: NDArray[np.float32]

    def __init__(self, fmt: StreamFormat) -> None:
        if fmt != StreamFormat(RATE_HZ):
            said = f"{fmt.sample_rate} Hz, {fmt.channels} channel(s)"
            raise SettingError("fmt", said, f"{RATE_HZ} Hz, 1 channel")
        check_installed()
        self.fmt = fmt
        self.reset()

    def reset(self) -> None:
        self._held = np.zeros(0, np.float32)
        self._n_unheard = 0
        self._opinions: list[dict[str, float]] = []

    def update(self, block: Block) -> None:
        self._held = np.concatenate([self._held, np.clip(block[:, 0], -1.0, 1.0)])
        self._n_unheard += len(block)
        while self._n_unheard >= _WINDOW_SAMPLES:
            first = len(self._held) - self._n_unheard
            self._opinions.append(_opinion(self._held[first : first + _WINDOW_SAMPLES]))
            self._n_unheard -= _WINDOW_SAMPLES
        # A window is kept for the one that ends with the stream.
        self._held = self._held[-max(self._n_unheard, _WINDOW_SAMPLES) :].copy()

    def result(self) -> DnsmosReport:
        opinions = list(self._opinions)
        if self._n_unheard:
            opinions.append(_opinion(self._held[-_WINDOW_SAMPLES:]))
        if not opinions:
            return DnsmosReport(None, None, None, None)
        means = {n: float(np.mean([each[key] for each in opinions])) for n, key in _NAMES.items()}
        return DnsmosReport(**means)


def _opinion(samples: NDArray[np.float32]) -> dict[str, float]:
    from speechmos import dnsmos

    found = dnsmos.run(samples, RATE_HZ)
    return {key: float(found[key]) for key in _NAMES.values()}
