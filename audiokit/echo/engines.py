"""Who takes the echo out, by name."""

from __future__ import annotations

from audiokit.echo.two_input import TwoInputProcessor
from audiokit.errors import SettingError
from audiokit.stage import StreamFormat

__all__ = ["ENGINES", "open_canceller"]

ENGINES = ("audiokit", "nlms", "speex")
"""Every engine: our own, the plain adaptive filter, the Speex library's."""


def open_canceller(engine: str, fmt: StreamFormat) -> TwoInputProcessor:
    """Return a canceller with its engine's own defaults.

    Args:
        engine: One of `ENGINES`.
        fmt: Format of the microphone.

    Raises:
        SettingError: No engine has this name, or it cannot work at this sample rate.
        MissingDeviceError: The engine's library is not installed.
    """
    if engine == "audiokit":
        from audiokit.echo.canceller import EchoCanceller

        return EchoCanceller(fmt)
    if engine == "nlms":
        from audiokit.echo.nlms import NlmsCanceller

        return NlmsCanceller(fmt)
    if engine == "speex":
        from audiokit.echo.speex_canceller import SpeexCanceller

        return SpeexCanceller(fmt)
    raise SettingError("engine", engine, f"one of {', '.join(ENGINES)}")
