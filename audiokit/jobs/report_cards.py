"""The worst recordings of a page, each with a picture, a player and its figures."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

from audiokit.jobs.overview import row_of_hz
from audiokit.jobs.page_parts import clock, player, tick, time_labels
from audiokit.jobs.report_columns import column_of
from audiokit.jobs.report_rows import Recording
from audiokit.jobs.report_words import number_words, value_words, with_band

__all__ = ["card"]

_SIDES = {"before": "Before", "after": "After"}
_FREQUENCIES_HZ = {500: "500", 2000: "2k", 8000: "8k"}
_MEASURES = (
    *("snr_db", "clarity", "consistency", "active_level_dbfs", "noise_floor_dbfs"),
    *("bandwidth_hz", "clipping_ratio", "duration_s"),
)


def card(number: int, item: Recording, clips: Mapping[str, Any]) -> str:
    """Return what is shown of one recording, as HTML.

    Args:
        number: Its place, counted from 1.
        item: The recording.
        clips: The row of the run that cut its stretch out; failed ones say why.
    """
    identity = f"worst-{number}"
    return (
        f'<article class="card" aria-labelledby="{identity}">'
        f'<h3 id="{identity}">{number}. {html.escape(item.name)}</h3>'
        f"<p>{_lead(item)}</p>"
        f'<dl class="measures">{"".join(_measures(item))}</dl>'
        f"{''.join(_shown(identity, clips))}</article>"
    )


def _lead(item: Recording) -> str:
    said = f"<strong>{with_band('overall', item.values)}</strong>"
    grade, component = item.values.get("grade"), item.values.get("component")
    if grade:
        said += f", grade {html.escape(str(grade))}"
    if component:
        points = number_words(-item.values["cost"], column_of("cost"))
        said += f", {html.escape(component)} {points}"
    was = item.values.get("before_overall")
    if was is not None:
        said += f'; <span class="soft">before: {value_words("overall", was)}</span>'
    return said


def _measures(item: Recording) -> Iterator[str]:
    for name in _MEASURES:
        if name in item.values:
            title = html.escape(column_of(name).title)
            yield f"<div><dt>{title}</dt><dd>{with_band(name, item.values)}</dd></div>"


def _shown(identity: str, clips: Mapping[str, Any]) -> Iterator[str]:
    if clips.get("status") != "ok":
        why = html.escape(str(clips.get("error") or "it was not read again."))
        yield f'<p class="soft">Neither picture nor sound: {why}</p>'
        return
    sides = {side: clips[side] for side in _SIDES if side in clips}
    after = clips["after"]
    yield '<div class="plots">'
    for side, clip in sides.items():
        caption = _SIDES[side] if len(sides) > 1 else "Spectrogram, Hz"
        yield (
            f'<figure><figcaption>{caption}</figcaption><div class="plot">'
            f'<img alt="Spectrogram{f", {side}" if len(sides) > 1 else ""}" '
            f'src="{clip["picture"]}">{_ticks(clip["sample_rate"])}</div></figure>'
        )
    length_s = max(float(after["length_s"]), 1e-3)
    yield f'<div class="times">{"".join(time_labels(length_s))}</div>'
    yield f'<div class="cursor" data-length-s="{length_s:.6f}"></div></div>'
    for side, clip in sides.items():
        if clip["sound"]:
            yield _player(identity, side, clip["sound"], is_alone=len(sides) == 1)
    end_s = after["start_s"] + after["length_s"]
    where = f"{clock(after['start_s'])} to {clock(end_s)}" if after["start_s"] else clock(end_s)
    how = ", as Vorbis" if after["sound"] else "; no sound was asked for"
    lead = "From" if after["start_s"] else "The first"
    yield f'<p class="soft">{lead} {where}{how}.</p>'


def _player(identity: str, side: str, sound: str, *, is_alone: bool) -> str:
    if is_alone:
        return f'<div class="player alone">{player(sound, labelled_by=identity)}</div>'
    own = f"{identity}-{side}"
    return (
        f'<div class="player"><span id="{own}">{_SIDES[side]}</span>'
        f"{player(sound, labelled_by=f'{own} {identity}')}</div>"
    )


def _ticks(sample_rate: int) -> str:
    return "".join(
        tick(row_of_hz(hz, sample_rate), text)
        for hz, text in _FREQUENCIES_HZ.items()
        if hz < 0.95 * sample_rate / 2.0
    )
