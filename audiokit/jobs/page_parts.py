"""What the pages that show a recording have in common: their look, times, words, players."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterator
from pathlib import Path
from string import Template

import audiokit
from audiokit.jobs.excerpt import Excerpt
from audiokit.stage import StreamFormat

__all__ = [
    "clock",
    "data_url",
    "data_url_pieces",
    "excerpt_words",
    "filled",
    "format_words",
    "player",
    "row_head",
    "tick",
    "time_labels",
]

_HEAD = Path(__file__).with_name("page_head.html")
_STYLE = Path(__file__).with_name("page_style.css")
_SCRIPT = re.compile("<script>(.*?)</script>", re.DOTALL)
# Stands for the scripts' fingerprints until the page is there: no name of a file holds it.
_SCRIPTS = "\1"
_TIME_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
# On a phone no more have room beside each other.
_MOST_TIMES = 6
# A multiple of 3, so that only the last piece is padded.
_PIECE_BYTES = 3 << 18


def filled(template: Path, **values: str) -> str:
    """Return a page: its template with the head, the values and the version put in.

    The head lets nothing in from elsewhere, runs the template's own scripts alone, and ends
    with the style that all pages share.

    Args:
        template: An HTML file with ``$names``, the first of which is the head.
        **values: HTML by name; ``title`` is one.
    """
    style = _STYLE.read_text(encoding="utf-8").rstrip("\n")
    named = {"title": values["title"], "style": style, "scripts": _SCRIPTS}
    head = _template(_HEAD).substitute(named).rstrip("\n")
    version = html.escape(audiokit.__version__)
    page = _template(template).substitute(values, head=head, version=version)
    return page.replace(_SCRIPTS, " ".join(map(_fingerprint, _SCRIPT.findall(page))), 1)


def _fingerprint(script: str) -> str:
    """Return what a policy calls a script that may run (CSP level 3, section 2.3.1)."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _template(path: Path) -> Template:
    return Template(path.read_text(encoding="utf-8"))


def player(source: str, *, labelled_by: str) -> str:
    """Return a player.

    Args:
        source: Address of what it plays; see `data_url`.
        labelled_by: The identity of the element that names it.
    """
    return (
        f'<audio controls preload="metadata" aria-labelledby="{labelled_by}" src="{source}">'
        "</audio>"
    )


def data_url(excerpt: Excerpt) -> str:
    """Return an address that carries its sound with it."""
    return "".join(data_url_pieces(excerpt))


def data_url_pieces(excerpt: Excerpt) -> Iterator[str]:
    """Yield such an address piece by piece: that of an hour is long."""
    yield f"data:{excerpt.media_type};base64,"
    held = memoryview(excerpt.encoded)
    for start in range(0, len(held), _PIECE_BYTES):
        yield base64.b64encode(held[start : start + _PIECE_BYTES]).decode("ascii")


def format_words(fmt: StreamFormat, duration_s: float) -> str:
    """Return length, rate and channels of a recording."""
    channels = {1: "mono", 2: "stereo"}.get(fmt.channels, f"{fmt.channels} channels")
    return f"{clock(duration_s)}, {fmt.sample_rate} Hz, {channels}"


def excerpt_words(excerpt: Excerpt, fmt: StreamFormat, duration_s: float) -> str:
    """Return how much of a recording can be listened to, and how exactly."""
    heard_s = fmt.seconds(excerpt.n_samples)
    how = "16 bits" if excerpt.media_type != "audio/ogg" else "as Vorbis"
    if heard_s >= duration_s:
        return f"The whole recording, {how}."
    return f"The first {clock(heard_s)} of {clock(duration_s)}, {how}."


def tick(share: float, text: str) -> str:
    """Return a mark beside a picture; a `share` of 0 is its bottom, 1 its top."""
    return f'<span class="tick" style="bottom:{100.0 * share:.1f}%">{text}</span>'


def time_labels(duration_s: float) -> Iterator[str]:
    """Yield the labels of a time axis below a picture of so many seconds."""
    fitting = [step for step in _TIME_STEPS_S if duration_s / step <= _MOST_TIMES]
    step_s = fitting[0] if fitting else duration_s / _MOST_TIMES
    for number in range(int(duration_s / step_s) + 1):
        share = number * step_s / duration_s
        # The last one would stand beyond the edge.
        if share <= 0.97:
            yield f'<span style="left:{100.0 * share:.2f}%">{clock(number * step_s)}</span>'


def clock(seconds: float) -> str:
    """Return a time as people say it: ``3.25 s``, ``12:05``, ``1:00:30``."""
    if seconds < 60.0:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def row_head(label: str) -> str:
    """Return the cell that names a row of a table."""
    return f'<th scope="row">{html.escape(label)}</th>'
