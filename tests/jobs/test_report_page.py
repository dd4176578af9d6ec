"""The page about many recordings: it tells the truth, chooses, sorts, and trusts no name."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.errors import SettingError
from audiokit.files.find import Source
from audiokit.jobs.report_columns import band_of, column_of, reason_of
from audiokit.jobs.report_figures import histogram_of
from audiokit.jobs.report_page import ReportSettings, report_page
from audiokit.jobs.report_rows import gather

EVIL = "x</script><img src=q onerror=hacked=1>'\"&.wav"
# A grey picture of one pixel, and no sound.
CLIP = {
    "sound": None,
    "picture": "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs=",
    "start_s": 0.0,
    "length_s": 2.0,
    "sample_rate": 16000,
}


def row(name, overall, *, grade="C", worst="noise: -18", **more):
    """Return a row as `audiokit score` prints it."""
    scores = {
        "score_overall": overall,
        "score_grade": grade,
        "score_worst": worst,
        "score_reason": None,
        "score_snr_db": 15.0,
        "score_active_level_dbfs": -26.0,
        "score_bandwidth_hz": 7844.0,
    }
    head = {"source": name, "status": "ok", "error": None, "error_type": None, "hash": "0" * 64}
    return head | {"duration_s": 2.0, "sample_rate": 16000} | scores | more


ROWS = [
    row("good.wav", 91.0, grade="A", worst="clarity: -3", score_snr_db=38.0, duration_s=70.0),
    row("fair.wav", 66.4, worst="noise: \N{MINUS SIGN}21", score_snr_db=12.5),
    row("bad.wav", 23.0, grade="F", worst="clipping: -40", score_snr_db=31.0),
    row("mute.wav", None, grade=None, worst=None, score_snr_db=None, score_reason="silence"),
    {"source": "torn.wav", "status": "failed", "error": "torn.wav: it is torn. Mend it."},
]


def gathered(rows=ROWS, **more):
    found = [Source(item["source"], PurePosixPath(item["source"])) for item in rows]
    return gather(rows, found, "takes", **more)


def page_of(rows=ROWS, *, settings=None):
    about = gathered(rows)
    settings = settings or ReportSettings()
    clips = {item.path: {"status": "ok", "after": CLIP} for item in about.worst(settings.worst)}
    return report_page(about, clips, settings)


def words_of(page):
    """Return what there is to read where no script runs, in one line."""
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
    return words.replace("\N{MINUS SIGN}", "-")


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page)[1])


@pytest.fixture
def opened(tmp_path, browser):
    """Open a page; return the browser, which afterwards must have nothing to complain of."""

    def open_page(page, **window):
        path = tmp_path / "page.html"
        path.write_bytes(page.encode("utf-8", "backslashreplace"))
        return browser.open(path, **window)

    yield open_page
    assert browser.errors == []


def names_shown(browser):
    return browser.run(
        "[...document.querySelectorAll('#table tbody th button')].map((b) => b.textContent)"
    )


def use(browser, identity, value, event="change"):
    browser.run(
        f"{{const field = document.getElementById({json.dumps(identity)});"
        f"field.value = {json.dumps(value)};"
        f"field.dispatchEvent(new Event({json.dumps(event)}, {{bubbles: true}}));}}"
    )


def bars_of(browser, key):
    """Return the middles of a picture's bars, in px of the window."""
    return browser.run(
        f"""(() => {{
          const bars = [...document.querySelectorAll('[data-key="{key}"] .hit')];
          bars[0].scrollIntoView({{block: "center"}});
          return bars.map((bar) => {{
            const box = bar.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
          }});
        }})()"""
    )


def test_the_numbers_are_told_where_no_script_runs():
    words = words_of(page_of())
    for told in (
        "4 recordings, and 1 file that failed",
        "Overall, median 66",
        "Grades: A 1, C 1, F 1.",
        "1 recording without an overall score: silence (1).",
        "1. bad.wav 23 , grade F, clipping -40",
        "torn.wav torn.wav: it is torn. Mend it.",
        "Sound 1:16 together",
    ):
        assert told in words, told


def test_medians_before_and_after_stand_beside_the_median_change():
    about = gathered(ROWS[:3])
    before = {"good.wav": 91.0, "fair.wav": 66.0, "bad.wav": 22.0}
    recordings = [replace(r, before={"overall": before[r.path]}) for r in about.recordings]
    moved = [*recordings, replace(recordings[0], before={"overall": 90.5})]
    page = report_page(replace(about, recordings=moved), {}, ReportSettings())
    assert "78 → 79 overall, medians of 4 recordings; median change +0.5" in words_of(page)


def test_what_costs_most_is_the_component_met_most_often():
    rows = [row(f"{n}.wav", 50.0, worst=w) for n, w in enumerate(["hum: -2", "hum: -4", "x: -30"])]
    words = words_of(page_of(rows))
    assert "Costs most hum in 2 recordings, -3 on average" in words
    assert "hum 2 -3 x 1 -30" in words


def test_a_band_of_uncertainty_and_a_reason_stand_beside_their_value():
    more = {"score_overall_low": 30.0, "score_overall_high": 42.0, "score_snr_reason": "processed"}
    page = page_of([row("a.wav", 36.0, **more)])
    assert "36 (30 to 42) , grade C" in words_of(page)
    assert "SNR 15.0 dB processed" in words_of(page)
    assert "one alone ±6" in words_of(page)
    columns = {column["key"]: column for column in data_of(page)["columns"]}
    assert data_of(page)["rows"][0][columns["overall"]["high"] + 1] == 42.0
    assert columns["overall_low"]["part"]


def test_columns_that_nobody_knows_yet_are_shown_by_their_names():
    page = page_of([row("a.wav", 36.0, score_wow_depth_db=1.25, score_odd={"x_hz": 3.0})])
    columns = {column["key"]: column for column in data_of(page)["columns"]}
    assert (columns["wow_depth_db"]["title"], columns["wow_depth_db"]["unit"]) == (
        "Wow depth",
        "dB",
    )
    assert columns["odd_x_hz"]["title"] == "Odd x"
    assert column_of("n_dropouts").decimals == 0
    assert column_of("lost_packets_ratio").unit == "%"
    assert band_of("hum_db") == ("hum_low_db", "hum_high_db")
    assert reason_of("snr_db") == "snr_reason"


def test_what_no_recording_has_is_said():
    rows = [row("a.wav", 36.0, score_bandwidth_hz=None), row("b.wav", 40.0, score_snr_db=None)]
    del rows[0]["score_bandwidth_hz"], rows[1]["score_bandwidth_hz"]
    words = words_of(page_of(rows))
    assert "Bandwidth: no recording has a value." in words
    assert "SNR does not apply to 1 recording with a score: no reason is told (1)." in words


def test_what_is_odd_is_counted_and_what_is_heard_is_not_what_the_file_says():
    more = {"codec": "pcm_16", "score_codec": "mp3-like", "score_dead_channels": 1}
    about = gathered([row("a.wav", 36.0, **more), row("b.wav", 36.0, score_lost_packets=0)])
    assert about.remarks == ["1 recording with a channel that is dead."]
    assert about.recordings[0].values["codec"] == "pcm_16"
    assert about.recordings[0].values["heard_codec"] == "mp3-like"
    reasons = [row(f"{n}.wav", 30.0, score_snr_db=None, score_snr_reason="denoised") for n in "ab"]
    assert gathered(reasons).remarks == [
        "SNR does not apply to 2 recordings with a score: denoised (2)."
    ]


def test_a_folder_where_everything_failed_has_a_page_too(opened, elements):
    page = page_of(ROWS[-1:])
    elements(page)
    assert "No recording has a score." in words_of(page)
    browser = opened(page)
    assert browser.run("document.getElementById('count').textContent") == (
        "No recording is like this."
    )


def test_the_same_rows_give_the_same_page():
    assert page_of() == page_of()
    assert "nan" not in words_of(page_of()).lower()


def test_nothing_is_loaded_from_elsewhere_and_every_element_is_closed(elements):
    page = page_of()
    assert re.findall(r"(?:https?:)?//\w", re.sub(r"base64,[^\"]+", "", page)) == []
    assert "default-src 'none'; img-src data:; media-src data:" in page
    found = elements(re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL))
    assert ("html", {"lang": "en"}) in found
    assert all("alt" in attrs for tag, attrs in found if tag == "img")
    assert all("aria-labelledby" in attrs for tag, attrs in found if tag == "section")


def test_a_name_is_text_and_never_markup(opened):
    odd = [row(EVIL, 12.0, worst="<b>: -3", score_codec="<i>"), {**ROWS[-1], "source": EVIL + "2"}]
    page = page_of(odd)
    assert page.count("</script>") == 2
    assert "<img src=q" not in page
    browser = opened(page)
    assert names_shown(browser) == [EVIL]
    browser.run("document.querySelector('#table tbody button').click()")
    assert browser.run("typeof hacked") == "undefined"
    assert browser.run("document.querySelectorAll('img:not([alt])').length") == 0


def test_no_script_runs_but_the_page_s_own(tmp_path, browser):
    slipped_in = '<img src=q onerror="hacked=1"><script>hacked=2</script></main>'
    path = tmp_path / "page.html"
    path.write_text(page_of().replace("</main>", slipped_in), encoding="utf-8")
    browser.open(path)
    assert len(names_shown(browser)) == 4
    assert browser.run("typeof hacked") == "undefined"
    assert "Content Security Policy" in str(browser.errors)


def test_a_name_that_is_no_text_is_shown_as_an_escape(opened):
    browser = opened(page_of([row("a\udcff.wav", 12.0)]))
    assert len(names_shown(browser)) == 1


def test_the_table_begins_with_the_worst_and_is_sorted_by_a_click(opened):
    browser = opened(page_of(), width=1200)
    assert names_shown(browser) == ["bad.wav", "fair.wav", "good.wav", "mute.wav"]
    click = "document.querySelector('[data-sort=\"{}\"]').click()"
    browser.run(click.format("snr_db"))
    assert names_shown(browser) == ["fair.wav", "bad.wav", "good.wav", "mute.wav"]
    browser.run(click.format("snr_db"))
    # What has no value stays last.
    assert names_shown(browser) == ["good.wav", "bad.wav", "fair.wav", "mute.wav"]
    sorted_by = "document.querySelector('[aria-sort=\"descending\"]').textContent"
    assert browser.run(sorted_by).startswith("SNR")
    browser.run(click.format("name"))
    assert names_shown(browser)[0] == "bad.wav"


def test_text_grade_and_component_choose(opened):
    browser = opened(page_of())
    use(browser, "text", "OO", "input")
    assert names_shown(browser) == ["good.wav"]
    use(browser, "text", "", "input")
    use(browser, "grade", "F")
    assert names_shown(browser) == ["bad.wav"]
    use(browser, "grade", "")
    use(browser, "component", "noise")
    assert names_shown(browser) == ["fair.wav"]
    assert browser.run("document.getElementById('count').textContent") == (
        "Recordings 1 to 1 of 1 chosen of 4."
    )
    browser.run("document.querySelector('.filters').reset()")
    assert len(names_shown(browser)) == 4


def test_bars_choose_by_mouse_alone_and_drawn_over(opened):
    browser = opened(page_of(), width=1200)
    bars = bars_of(browser, "overall")
    browser.drag(bars[4])
    assert names_shown(browser) == ["bad.wav"]
    browser.drag(bars_of(browser, "overall")[4])
    assert len(names_shown(browser)) == 4
    bars = bars_of(browser, "overall")
    browser.drag(bars[10], bars[14], bars[19])
    assert names_shown(browser) == ["fair.wav", "good.wav"]
    told = "document.querySelector('[data-key=\"overall\"] .chosen-range').textContent"
    assert browser.run(told).startswith("50 to 100")
    # The other pictures show what is left: one of the two above 15 dB.
    heights = browser.run(
        "[...document.querySelectorAll('[data-key=\"snr_db\"] .now')]"
        ".filter((bar) => Number(bar.getAttribute('height')) > 0).length"
    )
    assert heights == 2


def test_bars_choose_by_keys_alone(opened):
    browser = opened(page_of())
    browser.run("document.querySelector('[data-key=\"overall\"] .bar').focus()")
    for _ in range(4):
        browser.press("ArrowRight")
    browser.press("Enter")
    assert names_shown(browser) == ["bad.wav"]
    focused = "document.activeElement.getAttribute('aria-label')"
    assert browser.run(focused) == "Overall 20 to 25: 1"
    for _ in range(9):
        browser.press("ArrowRight", is_shifted=True)
    assert names_shown(browser) == ["bad.wav", "fair.wav"]
    browser.press("Escape")
    assert len(names_shown(browser)) == 4


def test_a_name_opens_all_that_is_known(opened):
    browser = opened(page_of([row("a.wav", 36.0, score_hum_db=-61.5)]))
    browser.run("document.querySelector('#table tbody button').focus()")
    browser.press("Enter")
    told = browser.run("document.querySelector('.more').innerText.replace(/\\s+/g, ' ')")
    told = told.replace("\N{MINUS SIGN}", "-")
    assert "Hum -61.5 dB" in told
    assert "Sample rate 16.00 kHz" in told
    browser.press("Enter")
    assert browser.run("document.querySelectorAll('.more').length") == 0


def test_any_column_can_be_shown_and_is_sorted_by(opened):
    rows = [row("a.wav", 36.0, score_hum_db=-61.5), row("b.wav", 40.0, score_hum_db=-70.0)]
    browser = opened(page_of(rows))
    use(browser, "extra", "hum_db")
    assert names_shown(browser) == ["b.wav", "a.wav"]
    assert browser.run("document.querySelector('#table tr').innerText").count("Hum") == 1


@pytest.mark.parametrize("is_dark", [False, True])
def test_a_phone_needs_no_scrolling_to_the_side(opened, is_dark):
    rows = [row(f"{'long' * 20}-{n}.wav", 20.0 + n, score_reason=None) for n in range(60)]
    browser = opened(page_of([*rows, *ROWS]), width=390, is_dark=is_dark)
    browser.run("document.querySelector('#table tbody button').click()")
    assert browser.run("document.documentElement.scrollWidth") <= 390
    assert browser.run("document.getElementById('table').scrollWidth") <= 390
    dark = browser.run("getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(255, 255, 255)") is not is_dark
    assert browser.run('performance.getEntriesByType("resource").length') == 0


def test_ten_thousand_recordings_are_opened_some_at_a_time(opened):
    rows = [row(f"speaker-{n % 97}/take-{n:05}.wav", (n * 37 % 1000) / 10) for n in range(10_000)]
    page = page_of(rows, settings=ReportSettings(worst=0))
    assert len(page) < 1_500_000
    browser = opened(page)
    assert len(names_shown(browser)) == 50
    assert browser.run("document.getElementById('count').textContent") == (
        "Recordings 1 to 50 of 10000."
    )
    browser.run("document.getElementById('later').click()")
    assert "Recordings 51 to 100" in browser.run("document.getElementById('count').textContent")
    took_ms = browser.run("(() => { const t = performance.now(); update(); "
                          "return performance.now() - t; })()")  # fmt: skip
    assert took_ms < 2000


@given(
    values=st.lists(st.floats(-1e5, 1e5, allow_nan=False), min_size=1, max_size=50),
    name=st.sampled_from(["overall", "snr_db", "bandwidth_hz", "duration_s"]),
)
def test_every_value_has_a_bar(values, name):
    found = histogram_of(values, name, scale=column_of(name).scale)
    assert sum(found.counts) == len(values)
    assert 1 <= len(found.counts) <= 25
    assert list(found.edges) == sorted(set(found.edges))


def test_bars_are_as_wide_as_people_count():
    assert histogram_of([0.0, 38.0], "snr_db").edges[:3] == (0.0, 2.0, 4.0)
    assert histogram_of([-23.4, -20.1], "active_level_dbfs").edges[:2] == (-23.4, -23.2)
    assert histogram_of([7.0], "snr_db").counts == (1,)
    assert histogram_of([0.4, 3000.0], "duration_s").edges[-1] == 3600.0


@pytest.mark.parametrize("given", [{"worst": -1}, {"worst": 101}, {"excerpt_s": 61.0}])
def test_a_page_of_no_size_is_refused(given):
    with pytest.raises(SettingError, match="0 to"):
        ReportSettings(**given)
