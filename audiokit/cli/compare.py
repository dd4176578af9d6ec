"""``audiokit compare``: measure recordings against their references."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiokit.cli.console import say
from audiokit.cli.options import GateOptions, PairOptions, TableOptions, command
from audiokit.cli.run import prepare_report
from audiokit.cli.tables import compare_line
from audiokit.errors import MissingExtraError, SettingError

if TYPE_CHECKING:
    from audiokit.quality.reference.pair import PairSettings

EXAMPLES = (
    "audiokit compare clean.wav denoised.wav",
    "audiokit compare clean/ denoised/",
    "audiokit compare clean/ coded/ --format csv -o measures.csv",
    "audiokit compare clean/ coded/ --fail-under si_sdr_db=10,pesq=2.5",
)
Row = dict[str, Any]
_MEDIANS = ("si_sdr_db", "segmental_snr_db", "log_spectral_distance_db", "pesq", "stoi", "estoi")
_PACKAGES = {"pesq": ("pesq",), "pystoi": ("stoi", "estoi")}


@command
def compare(
    reference: Annotated[
        str, typer.Argument(help="The clean recording, or a folder of them.", show_default=False)
    ],
    degraded: Annotated[
        str,
        typer.Argument(
            help="What became of it, or a folder of the same names.", show_default=False
        ),
    ],
    normalize_level: Annotated[
        bool,
        typer.Option(
            "--normalize-level/--keep-level",
            help="Take another level for no fault, or count it as one.",
        ),
    ] = True,
    *,
    batch: PairOptions,
    gates: GateOptions,
    output: TableOptions,
) -> None:
    """Measure recordings against their references.

    Delay, drift, polarity and level are taken out first, and told. PESQ and STOI need
    the extra "quality". What cannot be compared gets a reason and no numbers.
    """
    from audiokit.cli.gating import Gating
    from audiokit.cli.judged import Judged, run_judged
    from audiokit.cli.ranking import Ranking
    from audiokit.cli.row_file import with_format
    from audiokit.files.raw import parse_raw_format
    from audiokit.jobs.compare import COLUMNS, CompareJob
    from audiokit.jobs.pairing import pair_up
    from audiokit.jobs.task import Limits

    output = with_format(output)
    ranking = Ranking(output, columns=COLUMNS, prefix="", usual="si_sdr_db")
    gating = Gating(gates, command="compare", columns=COLUMNS, usual="si_sdr_db")
    gating.check_files(output, may_replace=batch.overwrite)
    settings = _settings(normalize_level, gating.asked, output)
    pairing = pair_up(reference, _recordings(reference, degraded, batch))
    gating.check_inputs([path for path in pairing.references.values() if isinstance(path, str)])
    if pairing.unused:
        more = f" and {len(pairing.unused) - 1} more" if len(pairing.unused) > 1 else ""
        say(f"no recording belongs to the reference {pairing.unused[0]}{more}.", output)
    job = CompareJob(
        pairing.references,
        settings,
        Limits(batch.min_duration_s, batch.max_duration_s),
        raw=parse_raw_format(batch.raw_format) if batch.raw_format else None,
    )
    run = prepare_report([degraded], job, batch=batch)
    tally = _Tally(output)
    judged = Judged("compare", gating, ranking, compare_line, more=tally.to_row)
    run_judged(run, judged, batch=batch, output=output, note=tally.watch)


def _recordings(reference: str, degraded: str, batch: PairOptions) -> list[Any]:
    from audiokit.files.find import find_sources

    for name, value in (("reference", reference), ("degraded", degraded)):
        if value in ("-", "@-", ""):
            raise SettingError(name, value, "a file or a folder", "Both are read whole.")
    if Path(reference).is_dir() and Path(degraded).is_file():
        raise SettingError("degraded", degraded, "a folder, as the reference is one")
    return list(find_sources([degraded], include=tuple(batch.include or ())))


def _settings(is_level_matched: bool, asked: frozenset[str], output: TableOptions) -> PairSettings:
    """Return what is measured; say what is left out for want of a package.

    Raises:
        MissingExtraError: A gate asks for it.
    """
    from audiokit.quality.reference import pesq_engine, stoi_engine
    from audiokit.quality.reference.pair import PairSettings

    has = {"pesq": pesq_engine.is_installed(), "pystoi": stoi_engine.is_installed()}
    for package, columns in _PACKAGES.items():
        if not has[package]:
            name = columns[0].upper()
            if asked.intersection(columns):
                raise MissingExtraError(name, "quality")
            say(f"left out: {MissingExtraError(name, 'quality')}", output)
    return PairSettings(is_level_matched, has_pesq=has["pesq"], has_stoi=has["pystoi"])


class _Tally:
    """Medians over the pairs that could be compared, and what was odd about the others."""

    def __init__(self, output: TableOptions) -> None:
        self._output = output
        self._values: dict[str, list[float]] = {name: [] for name in _MEDIANS}
        self._n_without = 0

    def watch(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Pass rows on; say why one has no numbers where a program reads them."""
        for row in rows:
            if row.get("reason"):
                self._n_without += 1
                # A table shows it.
                if self._output.kind not in (None, "table"):
                    say(f"{row['source']}: no numbers: {row['reason']}.", self._output)
            for name, values in self._values.items():
                if row.get(name) is not None:
                    values.append(row[name])
            yield row

    def to_row(self) -> Row:
        """Return the medians under their names, and how many pairs have no numbers."""
        medians = {
            f"median_{name}": round(statistics.median(values), 4) if values else None
            for name, values in self._values.items()
        }
        return {"n_without_numbers": self._n_without, **medians}
