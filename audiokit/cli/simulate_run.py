"""How `simulate` runs: one source through each network, or folders of them."""

from __future__ import annotations

import hashlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from audiokit import __version__
from audiokit.batch.folder import FolderRun
from audiokit.cli.coding import limits_of, raw_of
from audiokit.cli.console import emit_rows, say, show_progress
from audiokit.cli.gating import Gating
from audiokit.cli.one import is_file_name, is_folder
from audiokit.cli.options import BatchOptions, OutputOptions
from audiokit.cli.row_file import check_no_recording, check_target
from audiokit.cli.run import batch_settings, found_sources, say_summary
from audiokit.cli.tables import simulate_line
from audiokit.codec.opus_library import libraries
from audiokit.errors import AudiokitError, ItemError, SettingError
from audiokit.files.atomic import remove_parts, replacing
from audiokit.files.write import WriteSettings, container_of
from audiokit.jobs.simulate import SimulateJob, simulate_file
from audiokit.jobs.simulate_capture import check_capture
from audiokit.jobs.simulate_page import MOST_PICTURES, CallPictures, simulation_page
from audiokit.jobs.simulate_settings import SimulateSettings
from audiokit.jobs.simulate_sweep import Point
from audiokit.jobs.task import ProcessTask

__all__ = ["Simulation", "run_simulation"]

Row = dict[str, Any]
_SCHEMA = "audiokit.simulate/1"


@dataclass(frozen=True, slots=True)
class Simulation:
    """What is simulated, and what becomes of it.

    Args:
        settings: Sender and receiver.
        points: The networks between them.
        gating: What each call must reach.
        has_quality: Whether PESQ and STOI are measured.
        files: Where ``report``, ``pcap`` and ``trace`` go; None where one is not asked for.
    """

    settings: SimulateSettings
    points: Sequence[Point]
    gating: Gating
    has_quality: bool
    files: Mapping[str, Path | None]

    def at(self, point: Point) -> SimulateSettings:
        """Return the settings with the network of a point."""
        return replace(self.settings, network=point.network, has_quality=self.has_quality)

    @property
    def is_page(self) -> bool:
        """Whether the report is a page."""
        report = self.files["report"]
        return report is not None and report.suffix.lower() in (".html", ".htm")


def run_simulation(
    sources: Sequence[str],
    out: str,
    simulation: Simulation,
    *,
    batch: BatchOptions,
    output: OutputOptions,
) -> None:
    """Run sources through every network; report, then judge.

    Args:
        sources: As the user gave them.
        out: Folder, file, or ``-`` for stdout.
        simulation: What is simulated.
        batch: How the run goes.
        output: How it reports.

    Raises:
        GateError: A call did not meet a gate.
        AudiokitError: As documented for each exit code.
    """
    run = _run_of(sources, out, simulation, batch)
    run.check()
    if batch.dry_run:
        emit_rows(run.plan(), output, schema=_SCHEMA)
        return
    rows = list(simulation.gating.watch(_noted(run.rows(output), output)))
    if out != "-":
        is_table = output.kind in (None, "table")
        emit_rows(map(simulate_line, rows) if is_table else rows, output, schema=_SCHEMA)
    run.report(rows)
    run.tell(output)
    # Where one failed and another does not meet its gate, the gate has the last word.
    simulation.gating.finish()
    run.close()


def _run_of(sources: Sequence[str], out: str, simulation: Simulation, batch: BatchOptions) -> _Run:
    is_name = out != "-" and not is_folder(out) and is_file_name(out)
    is_one = len(sources) == 1 and (sources[0] == "-" or Path(sources[0]).is_file())
    if is_one and (is_name or out == "-"):
        return _OneSource(sources[0], out, simulation, batch)
    if is_name or out in ("", "-"):
        # Where nothing is found, that is the fault to tell.
        next(found_sources(sources, batch, None), None)
        raise SettingError("out", out, "a folder for more than one source")
    return _Folder(sources, Path(out), simulation, batch)


class _Run(ABC):
    """Sources on their way through every network."""

    def __init__(self, simulation: Simulation, batch: BatchOptions) -> None:
        self.simulation, self.batch = simulation, batch

    def check(self) -> None:
        """Refuse, before any work, what cannot be written.

        Raises:
            SettingError: It cannot.
        """
        for name, path in self.simulation.files.items():
            if path is not None:
                flag = {"trace": "write_trace"}.get(name, name)
                if name == "trace":
                    check_no_recording(flag, path)
                for point in self.simulation.points if name != "report" else [Point.alone()]:
                    check_target(flag, point.place(path), may_replace=self.batch.overwrite)
        report, pcap = self.simulation.files["report"], self.simulation.files["pcap"]
        if report is not None and report.suffix.lower() not in (".html", ".htm", ".json"):
            raise SettingError("report", str(report), "a name ending in .html or .json")
        if pcap is not None:
            check_capture(pcap, self.simulation.settings.captured_codec)

    @abstractmethod
    def plan(self) -> Iterator[Row]:
        """Yield what would be read and written."""

    @abstractmethod
    def rows(self, output: OutputOptions) -> Iterator[Row]:
        """Run, and yield a row for each source and network."""

    def report(self, rows: Sequence[Row]) -> None:
        """Write the report, if one is asked for.

        Raises:
            ResourceError: It cannot be written.
        """
        target = self.simulation.files["report"]
        if target is None:
            return
        with (
            replacing(target) as part,
            part.open("w", encoding="utf-8", errors="backslashreplace") as to,
        ):
            if self.simulation.is_page:
                settings = self.simulation.at(self.simulation.points[0])
                to.write(simulation_page(rows, self.pictures(), settings))
            else:
                emit_rows(rows, OutputOptions(json=True), schema=_SCHEMA, to=to)

    def pictures(self) -> Sequence[CallPictures]:
        """Return what can be seen and heard of each call."""
        return ()

    def tell(self, output: OutputOptions) -> None:  # noqa: B027  the rows may say it all
        """Say what came out, where the rows do not."""

    @abstractmethod
    def close(self) -> None:
        """End the run.

        Raises:
            ItemError: The only source failed.
            Exit: One of several did.
        """


class _OneSource(_Run):
    """One file or stream, to one file or stream for each network."""

    def __init__(self, source: str, out: str, simulation: Simulation, batch: BatchOptions) -> None:
        super().__init__(simulation, batch)
        self._source, self._out = source, out
        self._failure: AudiokitError | None = None
        self._pictures: list[CallPictures] = []

    def check(self) -> None:
        super().check()
        points = self.simulation.points
        if len(points) > 1 and "-" in (self._source, self._out):
            raise SettingError("loss", f"{len(points)} networks", "one, where - is named")
        if self._out == "-":
            return
        container_of(Path(self._out))
        for point in points:
            target = point.place(Path(self._out))
            if target.exists() and self._source != "-" and target.samefile(self._source):
                raise SettingError("out", str(target), "another file than the source")
            check_target("out", target, may_replace=self.batch.overwrite)

    def plan(self) -> Iterator[Row]:
        for point in self.simulation.points:
            places = {kind: str(path) for kind, path in self._places(point).items()}
            yield {"source": self._source, "network": point.name or None, **places}

    def rows(self, output: OutputOptions) -> Iterator[Row]:  # noqa: ARG002  one needs no bar
        for point in self.simulation.points:
            yield self._row(point)
            if self._failure is not None:
                return

    def _row(self, point: Point) -> Row:
        name = "stdin" if self._source == "-" else self._source
        places = self._places(point)
        row: Row = {"source": name, "status": "ok", "error": None, "error_type": None}
        row["network"] = point.name or None
        settings = self.simulation.at(point)
        pictures = None
        if self.simulation.is_page and len(self._pictures) < MOST_PICTURES:
            pictures = CallPictures(point.name or Path(name).name, pull_ms=settings.jitter.pull_ms)
        if self._out != "-":
            settings = replace(settings, write=_writing(Path(self._out)))
            remove_parts(point.place(Path(self._out)))
        task = ProcessTask(
            sys.stdin.buffer if self._source == "-" else self._source,
            {"audio": sys.stdout.buffer} | places if self._out == "-" else places,
            name=name,
            scratch=Path(),
            raw=raw_of(self.batch),
        )
        try:
            row |= simulate_file(task, settings, limits_of(self.batch), pictures)
        except ItemError as error:
            self._failure = error
        except SettingError as error:
            # The settings by themselves are in order: it is this recording that they misfit.
            about = f"{name}: {error.name}"
            self._failure = SettingError(about, error.value, error.expected, error.hint)
        if self._failure is not None:
            error_type = type(self._failure).__name__
            return row | {
                "status": "failed",
                "error": str(self._failure),
                "error_type": error_type,
            }
        if pictures is not None:
            self._pictures.append(pictures)
        return row | {kind: str(path) for kind, path in places.items()}

    def pictures(self) -> Sequence[CallPictures]:
        return self._pictures

    def close(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _places(self, point: Point) -> dict[str, Path]:
        files = {"audio": None if self._out == "-" else Path(self._out), **self.simulation.files}
        return {
            kind: point.place(path)
            for kind, path in files.items()
            if path is not None and kind != "report"
        }


class _Folder(_Run):
    """Files and folders, into a folder; one below it for each of several networks."""

    def __init__(
        self, sources: Sequence[str], out: Path, simulation: Simulation, batch: BatchOptions
    ) -> None:
        super().__init__(simulation, batch)
        self._sources, self._out = sources, out
        self._runs: list[FolderRun] = []

    def check(self) -> None:
        super().check()
        for name in ("pcap", "trace"):
            path = self.simulation.files[name]
            if path is not None:
                flag = {"trace": "write_trace"}.get(name, name)
                if name == "trace":
                    check_no_recording(flag, path)
                raise SettingError(flag, str(path), "one recording at a time")
        found = list(found_sources(self._sources, self.batch, self._out))
        self._runs = [self._folder_run(found, point) for point in self.simulation.points]

    def plan(self) -> Iterator[Row]:
        for point, run in zip(self.simulation.points, self._runs, strict=True):
            for row in run.plan_rows():
                yield {**row, "network": point.name or None}

    def rows(self, output: OutputOptions) -> Iterator[Row]:
        for point, run in zip(self.simulation.points, self._runs, strict=True):
            for row in run.in_order(show_progress(run.rows(), run.total, output)):
                yield row | {"network": point.name or None}

    def tell(self, output: OutputOptions) -> None:
        for run in self._runs:
            say_summary(run, output)

    def close(self) -> None:
        for run in self._runs:
            if run.manifest_error is not None:
                raise run.manifest_error
        if any(run.has_failures for run in self._runs):
            raise typer.Exit(1)

    def _folder_run(self, found: Sequence[Any], point: Point) -> FolderRun:
        out = self._out / point.name
        settings = self.simulation.at(point)
        job = SimulateJob(limits_of(self.batch), out, raw_of(self.batch), settings)
        # Settings are frozen: their text tells them apart. A trace makes it a long one.
        digest = hashlib.sha256(repr(job).encode()).hexdigest()
        libopus = ",".join(each.version for each in libraries())
        return FolderRun(
            found,
            job,
            out=out,
            kinds={"audio": ("", "wav")},
            fingerprint=f"simulate:{__version__}:{libopus}:{digest}",
            settings=batch_settings(self.batch),
        )


def _writing(out: Path) -> WriteSettings:
    container = container_of(out)
    if container not in ("wav", "flac", "raw"):
        raise SettingError("out", str(out), "a name ending in .wav, .flac or .raw")
    return WriteSettings(container, dither=False)


def _noted(rows: Iterable[Row], output: OutputOptions) -> Iterator[Row]:
    """Yield rows; say what was odd about each."""
    for row in rows:
        for warning in row.get("warnings", ()):
            say(f"{row['source']}: {warning}", output)
        yield row
