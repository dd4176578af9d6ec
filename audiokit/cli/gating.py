"""Gates as the user asked for them, and what is said and written of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from audiokit.cli.console import say
from audiokit.cli.options import GateOptions, OutputOptions, TableOptions
from audiokit.cli.row_file import check_no_recording, check_target
from audiokit.errors import GateError, SettingError
from audiokit.jobs.annotations import github_annotation
from audiokit.jobs.baseline import Baseline, read_baseline
from audiokit.jobs.gates import Gates, GateSettings, Verdict, parse_limits
from audiokit.jobs.junit import write_junit

__all__ = ["Gating"]

Row = dict[str, Any]


class Gating:
    """Judges the rows of a run as they pass.

    Args:
        options: What the user asked for.
        command: The command's name.
        columns: What a row holds that can be gated.
        prefix: What may be left out of a column's name.
        usual: The column that ``--max-drop`` means where it names none.

    Raises:
        SettingError: A gate or a baseline is wrong.
    """

    def __init__(
        self,
        options: GateOptions,
        *,
        command: str,
        columns: Sequence[str],
        prefix: str = "",
        usual: str,
    ) -> None:
        self._options, self._command = options, command
        given = {
            "fail_under": _limits("fail_under", options.fail_under),
            "fail_over": _limits("fail_over", options.fail_over),
            "max_drop": _limits("max_drop", options.max_drop, alone=usual),
        }
        settings = GateSettings(**given, is_missing_allowed=options.allow_missing)
        self._baseline: Baseline | None = None
        if options.baseline is not None:
            self._baseline = read_baseline(options.baseline, f"audiokit.{command}/1")
        self._gates = Gates(settings, columns=columns, prefix=prefix, baseline=self._baseline)
        self.asked = frozenset(
            name.removeprefix(prefix) for part in given.values() for name in part
        )
        self._verdicts: list[Verdict] = []
        self._out: Path | None = None

    @property
    def is_needed(self) -> bool:
        """Whether the rows must be judged even where nobody reads them."""
        return self._gates.any or self._options.junit is not None

    def check_files(self, output: TableOptions, *, may_replace: bool) -> None:
        """Refuse, before any work, files that meet or could not be written.

        Raises:
            SettingError: One is so.
        """
        self._out = None if output.out is None else Path(output.out)
        named = {
            "baseline": self._options.baseline,
            "out": self._out,
            "junit": self._options.junit,
        }
        given = {name: path for name, path in named.items() if path is not None}
        for name, path in given.items():
            for other, elsewhere in given.items():
                if other != name and os.path.realpath(path) == os.path.realpath(elsewhere):
                    raise SettingError(name, str(path), f"another file than --{other}")
            if name != "baseline":
                check_no_recording(name, path)
                check_target(name, path, may_replace=may_replace)

    def check_inputs(self, inputs: Iterable[str]) -> None:
        """Refuse to write over what is read, ``--overwrite`` or not.

        Raises:
            SettingError: An input is the file for the rows, or for the verdicts.
        """
        written = {"out": self._out, "junit": self._options.junit}
        there = {
            os.path.realpath(p): n for n, p in written.items() if p is not None and p.exists()
        }
        for path in inputs if there else ():
            name = there.get(os.path.realpath(path))
            if name is not None:
                raise SettingError(name, path, "another file than those that are read")

    def check_sources(self, sources: Iterable[str], output: OutputOptions) -> None:
        """Say which files the baseline does not know.

        Raises:
            SettingError: It has nothing to hold any of them against.
        """
        if self._baseline is None:
            return
        n_new, n_gone = self._baseline.check_sources(sources, self._gates.falling)
        if n_new:
            say(f"{_files(n_new)} not in the baseline: nothing to fall from.", output)
        if n_gone:
            say(f"{_files(n_gone)} of the baseline not among those that are given.", output)

    def watch(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield rows, judging each."""
        for row in rows:
            self._verdicts.append(self._gates.judge(row))
            yield row

    @property
    def n_judged(self) -> int:
        """How many rows have passed."""
        return len(self._verdicts)

    def finish(self) -> None:
        """Say and write what came out.

        Raises:
            GateError: A file was read and did not meet a gate.
            ResourceError: The JUnit file cannot be written.
        """
        unmet = [verdict for verdict in self._verdicts if verdict.faults]
        for verdict in unmet:
            sys.stderr.write(f"audiokit: gate: {verdict.source}: {verdict.sentence()}.\n")
        title = f"audiokit {self._command}"
        if self._options.annotations == "github":
            for verdict in self._verdicts:
                if not verdict.is_met:
                    sys.stderr.write(f"{github_annotation(verdict, title=title)}\n")
        if self._options.junit is not None:
            write_junit(self._options.junit, self._verdicts, name=title)
        if unmet:
            n_read = sum(verdict.error is None for verdict in self._verdicts)
            raise GateError(f"{len(unmet)} of {n_read} files did not meet the gates.")


def _limits(name: str, text: str | None, *, alone: str | None = None) -> dict[str, float]:
    return {} if text is None else parse_limits(name, text, alone=alone)


def _files(count: int) -> str:
    return "1 file is" if count == 1 else f"{count} files are"
