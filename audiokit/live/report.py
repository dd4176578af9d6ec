"""What a live program tells: an event's name and its facts."""

from __future__ import annotations

import logging
from typing import Protocol

__all__ = ["Report", "quiet_websockets"]


class Report(Protocol):
    """Who is told; the command line prints it."""

    def __call__(self, event: str, /, **facts: float | str | bool | None) -> None:
        """Take an event, such as ``stream.connected``, with numbers and words."""
        ...


def quiet_websockets() -> logging.Logger:
    """Return a logger that keeps the library's tracebacks to itself: we say what they mean."""
    logger = logging.getLogger("audiokit.live.websockets")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger
