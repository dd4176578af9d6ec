"""The page about a simulated call: complete, true, and needing nothing from elsewhere."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from audiokit.jobs.simulate import simulate_file
from audiokit.jobs.simulate_codec import CodecSettings
from audiokit.jobs.simulate_link import NetworkSettings
from audiokit.jobs.simulate_page import CallPictures, simulation_page
from audiokit.jobs.simulate_settings import SimulateSettings
from audiokit.jobs.task import ProcessTask
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike
from audiokit.transit.loss import LossList

PCM = CodecSettings("pcm", plc="repeat")
# Packets 50 to 99 of 150 never come.
THIRD = LossList((*(False,) * 50, *(True,) * 50, *(False,) * 50))


def call_of(folder, wanted, *, name="take.wav", seconds=3.0, title="a call"):
    """Simulate a recording; return its row and what can be seen of it."""
    source = folder / name
    soundfile.write(source, speechlike(StreamFormat(16_000), seconds) * 0.4, 16_000)
    pictures = CallPictures(title, pull_ms=10)
    task = ProcessTask(
        str(source), {"audio": folder / "heard.wav"}, name=str(source), scratch=folder
    )
    row = simulate_file(task, wanted, view=pictures)
    return {"source": str(source), "status": "ok", "error": None, **row}, pictures


def page_of(*calls, wanted):
    return simulation_page([row for row, _ in calls], [seen for _, seen in calls], wanted)


def words_of(page):
    """Return what there is to read, in one line."""
    body = re.sub(r"base64,[^\"]+", "", page).partition("<body>")[2].partition("<script>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def sounds_of(page):
    found = re.findall(r'src="data:audio/flac;base64,([^"]+)"', page)
    return [soundfile.read(io.BytesIO(base64.b64decode(data)))[0] for data in found]


def bars_of(page, style):
    """Return where bars begin and how wide they are, in shares of the picture."""
    path = re.search(rf'<path class="{style}" d="([^"]*)"', page)[1]
    bars = re.findall(r"M([\d.]+) \d+h([\d.]+)", path)
    return [(float(left) / 1000, float(width) / 1000) for left, width in bars]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def wanted():
    return SimulateSettings(PCM, recorded=THIRD)


@pytest.fixture(scope="module")
def page(folder, wanted):
    return page_of(call_of(folder, wanted), wanted=wanted)


def test_what_was_said_and_what_was_heard_can_be_played(folder, page):
    said, heard = sounds_of(page)
    np.testing.assert_allclose(said, soundfile.read(folder / "take.wav")[0], atol=3 / 32768)
    np.testing.assert_allclose(heard, soundfile.read(folder / "heard.wav")[0], atol=3 / 32768)


def test_the_map_of_losses_shows_them_where_they_were(page):
    lost = bars_of(page, "lost")
    assert min(left for left, _ in lost) == pytest.approx(1 / 3, abs=0.01)
    assert max(left + width for left, width in lost) == pytest.approx(2 / 3, abs=0.01)
    assert sum(width for _, width in lost) == pytest.approx(1 / 3, abs=0.01)
    made_up = bars_of(page, "made")
    assert sum(width for _, width in made_up) == pytest.approx(1 / 3, abs=0.05)


def test_it_tells_the_numbers_and_the_settings(page):
    words = words_of(page)
    for said in (
        "16-bit samples at 256.0 kbit/s, 16000 Hz, mono, 33.3 % of the packets lost",
        "150 sent, 100 received",
        "50, 33.33 %",
        "codec pcm",
        "min delay 40 ms",
        "seed 0",
        "Trace LossList",
    ):
        assert said in words, said
    # Nothing of Opus is told of a call that had none.
    assert "complexity" not in words
    assert "dtx" not in words


def test_nothing_is_loaded_from_elsewhere(page, elements):
    assert re.findall(r"(?:https?:)?//\w", re.sub(r"base64,[^\"]+", "", page)) == []
    assert "default-src 'none'" in page
    seen = elements(page)
    assert all("onclick" not in attributes for _, attributes in seen)
    pictures = [attributes for tag, attributes in seen if tag == "svg"]
    assert all("aria-label" in item or "aria-hidden" in item for item in pictures)
    assert [tag for tag, _ in seen].count("audio") == 2


def test_several_calls_are_compared_in_a_table(folder, wanted):
    calls = []
    for loss in (0.0, 30.0):
        network = NetworkSettings(loss_percent=loss)
        row, seen = call_of(folder, replace(wanted, recorded=None, network=network))
        calls.append((row | {"network": f"loss-{loss:g}"}, seen))
    failed = {"source": "x.wav", "status": "failed", "error": "x.wav: <is> no audio."}
    page = simulation_page(
        [*(row for row, _ in calls), failed], [seen for _, seen in calls], wanted
    )
    words = words_of(page)
    assert "take.wav loss-0 0.0 0.0 0.0" in words
    assert "x.wav x.wav: &lt;is&gt; no audio." in words
    assert page.count("<audio ") == 4


@pytest.mark.parametrize("seconds", [0.0001, 0.02, 0.5])
def test_short_calls_have_a_page_too(tmp_path, wanted, seconds):
    clean = replace(wanted, recorded=None)
    page = page_of(call_of(tmp_path, clean, seconds=seconds), wanted=clean)
    assert "nan" not in re.sub(r"base64,[^\"]+", "", page).lower()
    assert len(sounds_of(page)) == 2


def test_a_call_of_which_nothing_arrives_has_a_page(tmp_path, wanted):
    lost = replace(wanted, recorded=None, network=NetworkSettings(loss_percent=100))
    page = page_of(call_of(tmp_path, lost, seconds=0.5), wanted=lost)
    assert "25 sent, 0 received" in words_of(page)


def test_a_name_is_text_and_never_markup(tmp_path, wanted):
    call = call_of(tmp_path, wanted, name="<b>&$x.wav", seconds=0.5, title="<b>&$x.wav")
    page = page_of(call, wanted=wanted)
    assert "<h1>Simulated: &lt;b&gt;&amp;$x.wav</h1>" in page
    assert "<b>" not in page


# What a browser made of the page, once its players know how long they are.
PROBE = """(async () => {
  const players = [...document.querySelectorAll("audio")];
  const ready = (player) => new Promise((done) => {
    if (player.readyState > 0 || player.error) done();
    else for (const name of ["loadedmetadata", "error"]) player.addEventListener(name, done);
  });
  await Promise.all(players.map(ready));
  const plot = document.querySelector(".plot");
  const box = plot.getBoundingClientRect();
  plot.dispatchEvent(new MouseEvent("click", {bubbles: true, clientX: box.left + box.width / 2}));
  await new Promise((done) => setTimeout(done, 200));
  return {
    lengths: players.map((player) => player.duration),
    went: Math.max(...players.map((player) => player.currentTime)),
    cursor: document.querySelector(".cursor").style.visibility,
    fits: document.documentElement.scrollWidth <= innerWidth,
    requests: performance.getEntriesByType("resource").length,
  };
})()"""


@pytest.mark.parametrize(("width", "is_dark"), [(390, False), (1000, True)])
def test_a_browser_plays_and_shows_it(tmp_path, page, browser, width, is_dark):
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    found = browser.open(path, width=width, is_dark=is_dark).run(PROBE)
    assert browser.errors == []
    assert found["lengths"] == pytest.approx([3.0] * 2, abs=0.05)
    assert found["went"] == pytest.approx(1.5, abs=0.05)
    assert found["cursor"] == "visible"
    assert found["fits"]
    assert found["requests"] == 0
