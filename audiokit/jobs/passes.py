"""One reading of a stream, and the search for a result that a stage is content with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from audiokit.dsp.residual import Residual
from audiokit.jobs.taps import Tap
from audiokit.stage import Block, Chain, Processor, StreamFormat, TwoPass, run_blocks

__all__ = ["Blocks", "Pass", "SecondPass"]

Blocks = Iterator[Block]


class Pass:
    """Where a stream comes from, and the stages that it meets until it must wait.

    Args:
        fmt: Format of the blocks.
        blocks: Gives the stream from its start, as often as it is called.

    Attributes:
        stages: Name and stage, in order; those without a name only listen.
    """

    def __init__(self, fmt: StreamFormat, blocks: Callable[[], Blocks]) -> None:
        self.fmt = fmt
        self.stages: list[tuple[str, Processor]] = []
        self._blocks = blocks
        self._n_turned: int | None = None

    @property
    def out_fmt(self) -> StreamFormat:
        """Format of the blocks at the end."""
        return self.stages[-1][1].out_fmt if self.stages else self.fmt

    def keep_removed(self) -> None:
        """From the stages so far, give what they took away instead of what they left."""
        self._n_turned = len(self.stages)

    def settle(self, pour: Callable[[Blocks], None]) -> None:
        """Pour the stream out until what comes out will do: here, once.

        Args:
            pour: Takes all blocks of a try.
        """
        pour(self._stream([stage for _, stage in self.stages]))

    def _stream(self, stages: list[Processor]) -> Blocks:
        # No `Chain`, which would look at every sample: the reader has.
        blocks = self._blocks()
        if self._n_turned is not None:
            turned = Residual(Chain(self.fmt, stages[: self._n_turned]))
            stages = [turned, *stages[self._n_turned :]]
        for stage in stages:
            stage.reset()
            blocks = run_blocks(stage, blocks)
        return blocks


class SecondPass(Pass):
    """The second pass of a stage that has heard the first, repeated until it is content.

    Args:
        blocks: Gives what the first pass heard.
        use: The stage's name.
        level: The stage.
        report: What its meter said.

    Attributes:
        listen: Measures what was poured, where that is not what the stage gave: behind a
            lossy encoder. Takes the stage, returns a report; None where it is not needed.
        outcome: The report on the result, once it has settled.
    """

    def __init__(
        self, blocks: Callable[[], Blocks], use: str, level: TwoPass[Any], report: Any
    ) -> None:
        super().__init__(level.fmt, blocks)
        self.stages.append((use, level.build(report)))
        self.listen: Callable[[TwoPass[Any]], Any] | None = None
        self.outcome: Any = None
        self._level = level

    @property
    def ends_with_level(self) -> bool:
        """Whether nothing comes behind the stage."""
        return len(self.stages) == 1

    def settle(self, pour: Callable[[Blocks], None]) -> None:
        while True:
            self.outcome = self._try(pour)
            better = self._level.correct(self.outcome)
            if better is None:
                return
            self.stages[0] = (self.stages[0][0], better)

    def _try(self, pour: Callable[[Blocks], None]) -> Any:
        """Pour once; return the report on what came out."""
        stages = [stage for _, stage in self.stages]
        if self.listen is not None:
            pour(self._stream(stages))
            return self.listen(self._level)
        foreseen = self._level.foresee()
        if foreseen is not None:
            pour(self._stream(stages))
            return foreseen
        fmt = stages[0].out_fmt
        tap = Tap(fmt, self._level.new_meter(fmt))
        pour(self._stream([stages[0], tap, *stages[1:]]))
        return tap.result()
