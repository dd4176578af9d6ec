"""Where a simulated call is heard: a file, a page, measures."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from audiokit.errors import EmptyError
from audiokit.files.atomic import replacing
from audiokit.files.staged import StagedOutput
from audiokit.files.write import open_writer
from audiokit.jobs.call import Call
from audiokit.jobs.coding import coding_row
from audiokit.jobs.simulate_capture import open_capture
from audiokit.jobs.simulate_quality import MEASURES, Heard, measured
from audiokit.jobs.simulate_row import call_facts
from audiokit.jobs.simulate_settings import SimulateSettings
from audiokit.jobs.simulate_trail import Trail
from audiokit.jobs.task import ProcessTask
from audiokit.stage import Block, StreamFormat
from audiokit.transit.trace import trace_text

__all__ = ["Receiver", "SimulationView"]

Row = dict[str, Any]
# Blocks of the call are joined: one second of them is written at a time.
_JOINED_S = 1.0
# PESQ and STOI need both ends whole.
_LONGEST_MEASURED_S = 600.0


class SimulationView(Protocol):
    """Who looks at a call while it is simulated."""

    def begin(self, fmt: StreamFormat) -> None:
        """Take note of the format of both ends."""
        ...

    def said(self, block: Block) -> None:
        """Take note of what goes into the codec; nothing where a capture is the source."""
        ...

    def heard(self, block: Block) -> None:
        """Take note of what comes out."""
        ...

    def finish(self, row: Row, trail: Trail) -> None:
        """Take note of all the rest."""
        ...


class Receiver(StagedOutput):
    """Hears a call: writes it, shows it, measures it.

    Args:
        task: Where ``audio``, ``pcap`` and ``trace`` go.
        settings: Of the call; its codec is that of the packets.
        call: What is heard.
        view: Who looks on, if anyone.
        lookahead_samples: Samples at the beginning that are none of the sound.
    """

    def __init__(
        self,
        task: ProcessTask,
        settings: SimulateSettings,
        call: Call,
        view: SimulationView | None,
        *,
        lookahead_samples: int,
    ) -> None:
        super().__init__()
        self._task, self._settings, self._call, self._view = task, settings, call, view
        self._lookahead = self._n_skip = lookahead_samples
        self._is_measured = settings.has_quality
        needs_trail = settings.has_quality or view is not None or "trace" in task.outputs
        self._trail = Trail() if needs_trail else None
        self._waiting: list[Block] = []
        self._most_waiting = round(_JOINED_S * 1000.0 / settings.jitter.pull_ms)
        self._n_said = self._n_heard = 0
        self._said: list[Block] = []
        self._heard: list[Block] = []
        self._facts: Row = {}
        self._warnings: list[str] = []

    def begin(self, stack: ExitStack) -> None:
        call, outputs, fmt = self._call, self._task.outputs, self._call.fmt
        if self._trail is not None:
            call.watchers.append(self._trail)
        if "pcap" in outputs:
            capture = open_capture(
                cast("Path", outputs["pcap"]),
                self._settings.codec.codec,
                fmt,
                pre_skip_48k=self._lookahead * 48_000 // fmt.sample_rate,
            )
            call.watchers.append(stack.enter_context(capture))
        writer = open_writer(outputs["audio"], fmt, self._settings.write)
        self._writer = stack.enter_context(writer)
        if self._view is not None:
            self._view.begin(fmt)

    def said(self, block: Block) -> None:
        """Take what goes into the codec."""
        self._n_said += len(block)
        if self._is_measured:
            # A copy: stages may reuse their blocks.
            self._said.append(block.copy())
            if self._call.fmt.seconds(self._n_said) > _LONGEST_MEASURED_S:
                self._is_measured = False
                self._said, self._heard = [], []
                said = f"longer than {_LONGEST_MEASURED_S:g} s"
                self._facts["reason"] = said
                self._warnings.append(f"PESQ and STOI are left out: {said}")
        if self._view is not None:
            self._view.said(block)

    def hear(self, blocks: Iterable[Block]) -> None:
        """Take what comes out of the buffer."""
        self._waiting += blocks
        if len(self._waiting) >= self._most_waiting:
            self._pass_on()

    def complete(self) -> None:
        self._pass_on()
        if not self._n_heard:
            self._warnings.append("no packet arrived: all is silence")
            self._waiting, self._n_skip = [self._call.fmt.silence(self._n_said)], 0
            self._pass_on()
        if self._call.left_out_s:
            said = f"pauses of {self._call.left_out_s:.1f} s altogether are left out"
            self._warnings.append(said)
        if self._trail is not None and "trace" in self._task.outputs:
            self._write_trace(self._trail)
        if self._settings.has_quality:
            self._facts |= dict.fromkeys(MEASURES)
            if self._is_measured and self._trail is not None:
                self._measure(self._trail)

    def row(self, facts: Row, warnings: list[str]) -> Row:
        """Return the row, once all is written.

        Args:
            facts: About the sender.
            warnings: About the source.
        """
        fmt, network = self._call.fmt, self._settings.network
        named: Row = {
            "duration_s": round(fmt.seconds(self._n_heard), 6),
            **facts,
            "sample_rate": fmt.sample_rate,
            "channels": fmt.channels,
            "codec": self._settings.codec.codec,
            "seed": network.seed,
            **call_facts(self._call),
            **self._facts,
        }
        row = coding_row(named, warnings=[*warnings, *self._warnings, *self._writer.warnings])
        if self._view is not None and self._trail is not None:
            self._view.finish(row, self._trail)
        return row

    def _pass_on(self) -> None:
        """Write what has been heard."""
        if not self._waiting:
            return
        block = np.concatenate(self._waiting)
        self._waiting = []
        if self._is_measured:
            self._heard.append(block)
        if self._n_skip:
            n_skip = min(self._n_skip, len(block))
            self._n_skip -= n_skip
            block = block[n_skip:]
        self._n_heard += len(block)
        self._writer.write(block)
        if self._view is not None:
            self._view.heard(block)

    def _measure(self, trail: Trail) -> None:
        if not self._n_said:
            self._facts["reason"] = "of a capture nobody knows what was said"
            return
        call = self._call
        fmt = call.fmt
        begin_s = call.begin_s + (call.first_timestamp or 0) / call.clock_hz
        heard = Heard(
            fmt,
            np.concatenate(self._said),
            np.concatenate(self._heard),
            round(begin_s * fmt.sample_rate) - self._lookahead,
            trail,
            fmt.sample_rate * self._settings.jitter.pull_ms // 1000,
        )
        self._facts |= measured(heard)

    def _write_trace(self, trail: Trail) -> None:
        found = trail.trace()
        target = cast("Path", self._task.outputs["trace"])
        if found is None:
            raise EmptyError(str(target), "would hold no packet", "Send one.")
        with replacing(target) as part:
            part.write_text(trace_text(found), encoding="ascii")
