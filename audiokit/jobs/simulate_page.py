"""One page about simulated calls: to hear, to see, and in numbers."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audiokit.jobs.envelope import Envelope
from audiokit.jobs.excerpt import Excerpt, Recorder
from audiokit.jobs.page_parts import (
    data_url,
    excerpt_words,
    filled,
    player,
    row_head,
    time_labels,
)
from audiokit.jobs.report_columns import in_words
from audiokit.jobs.simulate_charts import delay_chart, loss_map, waveform
from audiokit.jobs.simulate_trail import Trail
from audiokit.stage import Block, StreamFormat

__all__ = ["MOST_PICTURES", "CallPictures", "simulation_page"]

MOST_PICTURES = 12
"""Of so many calls a page has sounds and pictures; of all it has the numbers."""

_TEMPLATE = Path(__file__).with_suffix(".html")
_LISTEN_S = 60.0
_MINUS, _NONE = "\N{MINUS SIGN}", "\N{EN DASH}"
_MOST_ROWS = 1000
_PARTS = {"codec": "Sender", "network": "Network", "jitter": "Receiver"}
# What no other codec does; the length of a packet is said of the receiver too.
_OF_OPUS = ("opus", "opus_library", "decoder_complexity")
# What a table of several calls shows: column, head, decimals.
_SUMMARY = (
    ("loss_percent", "Lost, %", 1),
    ("concealed_percent", "Made up, %", 1),
    ("stretched_percent", "Stretched, %", 1),
    ("delay_ms", "Delay, ms", 0),
    ("delay_p95_ms", "p95, ms", 0),
    ("rating_r", "R", 1),
    ("mos", "MOS", 2),
    ("pesq", "PESQ", 2),
    ("stoi", "STOI", 3),
)


class CallPictures:
    """Gathers what a page shows of a call while it is simulated: a `SimulationView`.

    Args:
        title: What the call is called on the page.
        pull_ms: Length of the receiver's blocks.
    """

    def __init__(self, title: str, *, pull_ms: int) -> None:
        self.title, self.block_s = title, pull_ms / 1000.0
        self.row: Mapping[str, Any] = {}
        self.trail = Trail()

    def begin(self, fmt: StreamFormat) -> None:
        """Take note of the format of both ends."""
        self.fmt = fmt
        n_samples = int(_LISTEN_S * fmt.sample_rate)
        self.envelopes = [Envelope(fmt), Envelope(fmt)]
        self._recorders = [Recorder(fmt, most_samples=n_samples) for _ in range(2)]

    def said(self, block: Block) -> None:
        """Take note of what goes into the codec."""
        self._take(0, block)

    def heard(self, block: Block) -> None:
        """Take note of what comes out."""
        self._take(1, block)

    def finish(self, row: Mapping[str, Any], trail: Trail) -> None:
        """Take note of all the rest."""
        self.row, self.trail = row, trail
        self.excerpts: list[Excerpt] = [recorder.finish() for recorder in self._recorders]

    def _take(self, side: int, block: Block) -> None:
        self.envelopes[side].update(block)
        self._recorders[side].update(block)


def simulation_page(
    rows: Sequence[Mapping[str, Any]], calls: Sequence[CallPictures], settings: Any
) -> str:
    """Return the page as HTML that needs nothing from elsewhere.

    Args:
        rows: One about each call.
        calls: What can be heard and seen of the first ones; nothing of whole folders.
        settings: Those of the first network: a frozen dataclass of frozen dataclasses.
    """
    names = sorted({Path(str(row["source"])).name for row in rows})
    title = names[0] if len(names) == 1 else f"{len(names)} recordings"
    return filled(
        _TEMPLATE,
        title=html.escape(f"Simulated: {title}"),
        lead=html.escape(_lead(rows)),
        summary=_summary(rows),
        calls="\n".join(_call(number, call) for number, call in enumerate(calls)),
        settings="\n".join(_settings(settings)),
    )


def _lead(rows: Sequence[Mapping[str, Any]]) -> str:
    done = [row for row in rows if row["status"] != "failed"]
    if not done:
        return "Nothing could be simulated."
    first = done[0]
    codec = {"opus": "Opus", "ulaw": "G.711 μ-law", "alaw": "G.711 A-law", "pcm": "16-bit samples"}
    channels = {1: "mono", 2: "stereo"}.get(first["channels"], f"{first['channels']} channels")
    said = [
        f"{codec[first['codec']]} at {first['bitrate_bps'] / 1000:.1f} kbit/s",
        f"{first['sample_rate']} Hz, {channels}",
    ]
    if len(rows) == 1:
        said += [
            f"{first['loss_percent']:.1f} % of the packets lost",
            f"heard {_shown(first['delay_ms'], 0)} ms late",
            f"MOS {_shown(first['mos'], 2)}",
        ]
    else:
        said.append(f"{len(rows)} calls")
    return f"{', '.join(said)}."


def _summary(rows: Sequence[Mapping[str, Any]]) -> str:
    if len(rows) == 1 and rows[0]["status"] != "failed":
        return ""
    shown = [item for item in _SUMMARY if any(row.get(item[0]) is not None for row in rows)]
    head = "".join(f'<th scope="col">{text}</th>' for _, text, _ in shown)
    cells = []
    for row in rows[:_MOST_ROWS]:
        name = " ".join(filter(None, (Path(str(row["source"])).name, row.get("network"))))
        if row["status"] == "failed":
            cells.append(
                f'<tr>{row_head(name)}<td class="why" colspan="{max(1, len(shown))}">'
                f"{html.escape(str(row['error']))}</td></tr>"
            )
            continue
        values = "".join(
            f"<td>{_shown(row.get(column), decimals)}</td>" for column, _, decimals in shown
        )
        cells.append(f"<tr>{row_head(name)}{values}</tr>")
    more = len(rows) - _MOST_ROWS
    left = f'<p class="soft">And {more} more.</p>' if more > 0 else ""
    return (
        '<section aria-labelledby="all"><h2 id="all">All calls</h2><div class="scroll"><table>'
        f'<thead><tr><th scope="col">Call</th>{head}</tr></thead>'
        f"<tbody>{''.join(cells)}</tbody></table></div>{left}</section>"
    )


def _call(number: int, call: CallPictures) -> str:
    duration_s = max(envelope.fmt.seconds(envelope.n_samples) for envelope in call.envelopes)
    title = html.escape(call.title)
    words = excerpt_words(call.excerpts[1], call.fmt, duration_s)
    return (
        f'<section class="call" data-length="{duration_s:.6f}" aria-labelledby="call-{number}">'
        f'<h2 id="call-{number}">{title}</h2>'
        f'<div class="listen">{"".join(_players(number, call))}'
        f'<p class="soft">{words} A click on a picture goes to that time.</p></div>'
        f'<div class="plots">{"".join(_plots(call, duration_s))}<div class="cursor"></div></div>'
        f"{_figures(call.row)}</section>"
    )


def _players(number: int, call: CallPictures) -> Iterator[str]:
    for side, name, excerpt in zip("sh", ("Said", "Heard"), call.excerpts, strict=True):
        if excerpt.n_samples:
            own = f"{side}{number}"
            yield (
                f'<div class="player"><span id="{own}">{name}</span>'
                f"{player(data_url(excerpt), labelled_by=own)}</div>"
            )


def _plots(call: CallPictures, duration_s: float) -> Iterator[str]:
    said, heard = call.envelopes
    peak = max(map(_peak, call.envelopes))
    yield waveform(said, duration_s, peak=peak, label="What was said")
    yield waveform(heard, duration_s, peak=peak, label="What was heard")
    yield loss_map(call.trail, duration_s, block_s=call.block_s)
    yield delay_chart(call.trail, duration_s, block_s=call.block_s)
    yield f'<div class="times">{"".join(time_labels(duration_s))}</div>'


def _peak(envelope: Envelope) -> float:
    sides = [side for side in envelope.columns() if len(side)]
    return max((float(np.abs(side).max()) for side in sides), default=0.0)


def _figures(row: Mapping[str, Any]) -> str:
    said = [
        ("Packets", f"{row['n_packets']} sent, {row['packets_received']} received"),
        ("Lost", f"{row['packets_lost']}, {_shown(row['loss_percent'], 2)} %"),
        ("Came too late to be played", str(row["packets_discarded"])),
        ("Played from the next packet's copy (FEC)", str(row["packets_repaired"])),
        (
            "Made up, of the sound",
            f"{_shown(row['concealed_percent'], 2)} %, {row['concealment_events']} times",
        ),
        (
            "Stretched, of the sound",
            f"{_shown(row['stretched_percent'], 2)} %, {row['adjustments']} times",
        ),
        ("Delay from mouth to ear", f"{_shown(row['delay_ms'], 1)} ms on average"),
        ("Of 95 % of the sound, below", f"{_shown(row['delay_p95_ms'], 0)} ms"),
        ("Of it in the jitter buffer", f"{_shown(row['buffer_delay_ms'], 1)} ms"),
        ("Jitter of the arrivals (RFC 3550)", f"{_shown(row['jitter_ms'], 1)} ms"),
        ("E-model: R, MOS", f"{_shown(row['rating_r'], 1)}, {_shown(row['mos'], 2)}"),
    ]
    if row.get("pesq") is not None:
        band = {"wb": "wide band", "nb": "narrow band"}[row["pesq_mode"]]
        said.append((f"PESQ, {band}", _shown(row["pesq"], 3)))
    for name, label in (("stoi", "STOI"), ("estoi", "ESTOI")):
        if row.get(name) is not None:
            said.append((label, _shown(row[name], 3)))
    cells = "".join(f"<tr>{row_head(label)}<td>{text}</td></tr>" for label, text in said)
    return f'<table class="list"><tbody>{cells}</tbody></table>'


def _settings(settings: Any) -> Iterator[str]:
    """Yield a table of what is set, a row for each part of it."""
    rows = []
    for part in dataclasses.fields(settings):
        value = getattr(settings, part.name)
        if part.name in _PARTS:
            is_idle = part.name == "codec" and value.codec != "opus"
            said = ", ".join(_said(value, without=_OF_OPUS if is_idle else ()))
            rows.append(f"<tr>{row_head(_PARTS[part.name])}<td>{html.escape(said)}</td></tr>")
    recorded = settings.recorded
    if recorded is not None:
        rows.append(f"<tr>{row_head('Trace')}<td>{type(recorded).__name__}</td></tr>")
    yield f'<table class="list"><tbody>{"".join(rows)}</tbody></table>'


def _said(values: Any, *, without: Sequence[str] = ()) -> Iterator[str]:
    for item in dataclasses.fields(values):
        if item.name in without:
            continue
        value = getattr(values, item.name)
        if dataclasses.is_dataclass(value):
            yield from _said(value)
        elif value is not None:
            words, unit = in_words(item.name.removeprefix("is_"))
            if isinstance(value, bool):
                yield f"{words} {'yes' if value else 'no'}"
            elif isinstance(value, float | int):
                yield f"{words} {value:g} {unit}".rstrip().replace("-", _MINUS)
            else:
                yield f"{words} {value}"


def _shown(value: float | None, decimals: int) -> str:
    return _NONE if value is None else f"{value:.{decimals}f}".replace("-", _MINUS)
