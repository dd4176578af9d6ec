"""What is written aside and takes its place when it is whole."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Newer than Python 3.10; only the type checker reads it.
    from typing_extensions import Self

__all__ = ["StagedOutput"]


class StagedOutput(ABC):
    """An output that grows in a ``with`` statement.

    On a clean exit it takes its place; after an error nothing is left.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()

    @abstractmethod
    def begin(self, stack: ExitStack) -> None:
        """Open what is written, on a stack that takes it away should anything fail."""

    @abstractmethod
    def complete(self) -> None:
        """Write what is still held, before the output takes its place."""

    def __enter__(self) -> Self:
        self.begin(self._stack)
        # What the stack took last it leaves first: with everything still open.
        self._stack.push(self._complete_unless_failed)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _complete_unless_failed(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.complete()
