"""The worst recordings of a page, each with a picture, a player and its figures."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

from audiokit.jobs.overview import row_of_hz
from audiokit.jobs.page_parts import clock, player, row_head, tick, time_labels
from audiokit.jobs.report_columns import column_of, reason_of
from audiokit.jobs.report_rows import Recording
from audiokit.jobs.report_words import number_words, value_words, with_band

__all__ = ["card"]

_SIDES = {"before": "Before", "after": "After"}
_FOLLOWED = ("overall", "snr_db")
_FREQUENCIES_HZ = {500: "500", 2000: "2k", 8000: "8k"}
_MEASURES = (
    *("snr_db", "clarity", "consistency", "active_level_dbfs", "noise_floor_dbfs"),
    *("bandwidth_hz", "clipping_ratio", "c50_db", "hum_db", "heard_codec", "duration_s"),
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
        f"{_remarks(item)}{''.join(_shown(identity, clips, item))}</article>"
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
        if item.values.get(name) is not None or item.values.get(reason_of(name)):
            title = html.escape(column_of(name).title)
            yield f"<div><dt>{title}</dt><dd>{with_band(name, item.values)}</dd></div>"


def _remarks(item: Recording) -> str:
    said = [str(item.values[name]) for name in ("remarks", "warnings") if item.values.get(name)]
    return f'<p class="soft">{html.escape("; ".join(said))}</p>' if said else ""


def _shown(identity: str, clips: Mapping[str, Any], item: Recording) -> Iterator[str]:
    if clips.get("status") != "ok":
        why = html.escape(str(clips.get("error") or "it was not read again."))
        yield f'<p class="soft">Neither picture nor sound: {why}</p>'
        return
    yield _steps(clips, item)
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
    how = ", as Vorbis" if after["sound"] else "; no sound was asked for"
    yield f'<p class="soft">{_where(after, item.values.get("duration_s") or 0.0)}{how}.</p>'


def _where(clip: Mapping[str, Any], duration_s: float) -> str:
    """Return which part of a recording is shown."""
    start_s, length_s = clip["start_s"], clip["length_s"]
    if start_s:
        return f"From {clock(start_s)} to {clock(start_s + length_s)} of {clock(duration_s)}"
    if length_s < duration_s:
        return f"The first {clock(length_s)} of {clock(duration_s)}"
    return "The whole recording"


def _steps(clips: Mapping[str, Any], item: Recording) -> str:
    """Return the scores from the source to the result, as a table."""
    if "steps_error" in clips:
        return f'<p class="soft">No scores stage by stage: {html.escape(clips["steps_error"])}</p>'
    if not clips.get("steps"):
        return ""
    last = {"stage": clips["last_stage"], **{name: item.values.get(name) for name in _FOLLOWED}}
    first = {"stage": "source", **{name: item.before.get(name) for name in _FOLLOWED}}
    rows = "".join(
        f"<tr>{row_head(step['stage'].replace('_', ' '))}"
        + "".join(f"<td>{value_words(name, step[name])}</td>" for name in _FOLLOWED)
        + "</tr>"
        for step in (first, *clips["steps"], last)
    )
    titles = ["Behind", *(column_of(name).title for name in _FOLLOWED)]
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


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
