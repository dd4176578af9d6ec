"""What a run of ``process`` did to recordings: before and after, and stage by stage."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median

from audiokit.jobs.page_parts import row_head
from audiokit.jobs.report_charts import compared_histogram
from audiokit.jobs.report_columns import column_of
from audiokit.jobs.report_dataset import StageFact
from audiokit.jobs.report_rows import Gathered
from audiokit.jobs.report_words import NONE, change_words, counted, number_words

__all__ = ["stages_section"]

_COMPARED = (
    *("overall", "snr_db", "clarity", "consistency", "active_level_dbfs", "noise_floor_dbfs"),
    *("loudness_lufs", "peak_dbfs", "clipping_ratio", "silence_ratio", "bandwidth_hz"),
)

_SIDES, _COUNTS = ("Median", "Before", "After", "Change"), ("Higher in", "Lower in")
# Where a phone has no room.
_WIDE = ' class="narrow-off"'


def stages_section(gathered: Gathered) -> str:
    """Return the section as HTML; nothing where no run made the recordings.

    Args:
        gathered: What the page is about.
    """
    if not gathered.is_processed:
        return ""
    overall = gathered.pairs("overall")
    picture = compared_histogram("overall", overall) if overall else ""
    return (
        '<section aria-labelledby="stages"><h2 id="stages">Before and after</h2>'
        f'<div class="spread">{picture}</div>{_compared(gathered)}'
        f"{_stages(gathered.stages)}</section>"
    )


def _compared(gathered: Gathered) -> str:
    rows = "".join(_compared_row(name, gathered.pairs(name)) for name in _COMPARED)
    if not rows:
        return '<p class="soft">No source has a score: there is nothing to compare with.</p>'
    head = "".join(
        f'<th scope="col"{style}>{text}</th>'
        for texts, style in ((_SIDES, ""), (_COUNTS, _WIDE))
        for text in texts
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _compared_row(name: str, pairs: Sequence[tuple[float, float]]) -> str:
    if not pairs:
        return ""
    column = column_of(name)
    was, now = (median(side) for side in zip(*pairs, strict=True))
    changes = [after - before for before, after in pairs]
    told = [number_words(was, column), number_words(now, column)]
    told.append(change_words(median(changes), column_of(f"change_{name}")))
    counts = [sum(change > 0 for change in changes), sum(change < 0 for change in changes)]
    cells = [f"<td>{words}</td>" for words in told] + [f"<td{_WIDE}>{n}</td>" for n in counts]
    return f"<tr>{row_head(column.title)}{''.join(cells)}</tr>"


def _stages(stages: Sequence[StageFact]) -> str:
    if not stages:
        return '<p class="soft">No stage has told what it did.</p>'
    head = '<th scope="col">Stage</th><th scope="col" class="word">What it did</th>'
    head += "".join(f'<th scope="col">{text}</th>' for text in ("Least", "Median", "Most"))
    return (
        "<h3>Stage by stage</h3>"
        f'<div class="scroll"><table class="stages"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(_stage_rows(stages))}</tbody></table></div>"
    )


def _stage_rows(stages: Sequence[StageFact]) -> Iterator[str]:
    for fact in stages:
        column = column_of(fact.name)
        head = f'{row_head(fact.stage.replace("_", " "))}<td class="word">'
        head += f"{html.escape(column.title)}</td>"
        if fact.values:
            if all(value.is_integer() for value in fact.values):
                column = replace(column, decimals=0)
            cells = "".join(f"<td>{number_words(value, column)}</td>" for value in fact.spread)
        else:
            told = ", ".join(
                f"{word.replace('_', ' ')} in {counted(n, 'recording')}"
                for word, n in fact.words.items()
            )
            cells = f'<td colspan="3">{html.escape(told) or NONE}</td>'
        yield f"<tr>{head}{cells}</tr>"
