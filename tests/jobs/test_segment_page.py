"""The page that plays segments: complete, true, and needing nothing from elsewhere."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
import soundfile

from audiokit.errors import SettingError
from audiokit.jobs.segment_page import SegmentPage, SegmentPageSettings
from audiokit.jobs.segmentation import SegmentReport
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike
from audiokit.vad.segments import Segment

TWO = [
    Segment(0.5, 1.25, "anna", 0.75),
    Segment(1.0, 2.5, "ben"),
    Segment(3.0, 3.5, "anna", 0.5),
]


def page_of(folder, audio, segments=TWO, *, rate=16000, claimed=-1, title="take.wav", **settings):
    """Return the page of a recording, whose length is claimed rightly unless told otherwise."""
    fmt = StreamFormat(rate, audio.shape[1])
    page = SegmentPage(
        fmt,
        SegmentPageSettings(**settings),
        target=folder / "page.html",
        title=title,
        claimed_samples=len(audio) if claimed == -1 else claimed,
    )
    for block in np.array_split(audio.astype(np.float32), 5):
        page.write(block)
    levels = np.linspace(0, 1, -(-len(audio) * 100 // rate), dtype=np.float32)
    page.finish(SegmentReport(segments, levels, len(audio) / rate))
    return (folder / "page.html").read_text(encoding="utf-8")


def without_sound(page):
    return re.sub(r"base64,[^\"]+", "", page)


def sound_of(page):
    kind, data = re.search(r'src="data:audio/(\w+);base64,([^"]+)"', page).groups()
    return kind, soundfile.read(io.BytesIO(base64.b64decode(data)), always_2d=True)


@pytest.fixture(scope="module")
def audio():
    return speechlike(StreamFormat(16000), 4.0)


@pytest.fixture(scope="module")
def page(tmp_path_factory, audio):
    return page_of(tmp_path_factory.mktemp("page"), audio)


def test_what_is_played_is_the_recording(page, audio):
    kind, (heard, rate) = sound_of(page)
    assert (kind, rate) == ("flac", 16000)
    # 16 bits, with dither.
    np.testing.assert_allclose(heard, audio, rtol=0, atol=3 / 32768)
    assert "The whole recording, 16 bits." in page


def test_every_segment_has_a_row_a_button_and_a_shape(page, elements):
    found = elements(page)
    rows = [attrs for tag, attrs in found if tag == "tr" and "data-start" in attrs]
    assert [(float(row["data-start"]), float(row["data-end"])) for row in rows] == [
        (segment.start_s, segment.end_s) for segment in TWO
    ]
    names = [attrs["aria-label"] for tag, attrs in found if tag == "button"]
    assert names[1] == "Play segment 2, ben, 1.00 to 2.50 s"
    shapes = [attrs for tag, attrs in found if tag == "rect" and "data-n" in attrs]
    # One in the waveform and one in the speaker's lane, at its share of the time.
    assert sorted(shape["data-n"] for shape in shapes) == ["0", "0", "1", "1", "2", "2"]
    second = [shape for shape in shapes if shape["data-n"] == "1"]
    assert {(float(shape["x"]), float(shape["width"])) for shape in second} == {(250.0, 375.0)}
    assert "anna 1.2 s, ben 1.5 s" in page


def test_nothing_is_loaded_from_elsewhere(page, elements):
    assert re.findall(r"(?:https?:)?//\w", without_sound(page)) == []
    assert "default-src 'none'" in page
    found = elements(page)
    assert {tag for tag, attrs in found if "src" in attrs} == {"audio"}
    assert not {"link", "iframe", "object"} & {tag for tag, _ in found}


def test_the_same_recording_gives_the_same_page(tmp_path, page, audio):
    assert page_of(tmp_path, audio) == page


def test_each_channel_has_its_wave_and_rows_say_which(tmp_path):
    audio = np.zeros((16000, 2))
    segments = [Segment(0.0, 0.5, channel=0), Segment(0.25, 0.75, channel=1)]
    page = page_of(tmp_path, audio, segments)
    assert "Waveform, channel 1" in page
    assert "Waveform, channel 2" in page
    assert '<th scope="col">Channel</th>' in page


def test_a_long_recording_is_held_as_vorbis_and_in_time(tmp_path):
    # Nobody says how long it is: a pipe.
    rate = 44100
    audio = np.zeros((2 * rate, 3), np.float32)
    audio[rate : rate + 441] = 0.5
    page = page_of(tmp_path, audio, [Segment(0.5, 1.5)], rate=rate, claimed=None)
    kind, (heard, heard_rate) = sound_of(page)
    assert (kind, heard_rate, heard.shape[1]) == ("ogg", 16000, 1)
    assert len(heard) / heard_rate == pytest.approx(2.0, abs=0.001)
    assert np.argmax(np.abs(heard[:, 0]) > 0.1) / heard_rate == pytest.approx(1.0, abs=0.005)
    assert "The whole recording, as Vorbis." in page


def test_what_lies_beyond_the_excerpt_cannot_be_played_and_says_so(tmp_path, audio, elements):
    page = page_of(tmp_path, audio, listen_s=2.0)
    assert len(sound_of(page)[1][0]) == 32000
    buttons = [attrs for tag, attrs in elements(page) if tag == "button"]
    assert ["disabled" in attrs for attrs in buttons] == [False, False, True]
    assert "The first 2 s of 4 s" in page


def test_a_name_and_a_label_are_text_and_never_markup(tmp_path, elements):
    odd = [Segment(0.1, 0.2, '</script><b a="1">&$x'), Segment(0.3, 0.4, "plain")]
    page = page_of(tmp_path, np.zeros((8000, 1)), odd, title="<i>&$take\udcff.wav")
    assert "<b " not in page
    assert "<i>" not in page
    assert page.count("</script>") == 1
    assert "&lt;i&gt;&amp;$take" in page
    elements(page)


@pytest.mark.parametrize(
    "audio",
    [np.zeros((8000, 1)), np.full((1, 1), 0.5), np.full((400, 9), 1.0)],
    ids=["silence", "one sample", "nine channels of full scale"],
)
def test_odd_recordings_have_a_page_too(tmp_path, audio, elements):
    page = page_of(tmp_path, audio, [])
    assert "nan" not in without_sound(page).lower()
    assert "No speech was found." in page
    elements(page)


@pytest.mark.parametrize("listen_s", [0.5, 14401.0])
def test_an_excerpt_of_no_length_or_too_much_is_refused(listen_s):
    with pytest.raises(SettingError, match="1 to 14400 s"):
        SegmentPageSettings(listen_s)


# Plays the second segment by the keyboard's way, then clicks on the third; tells what became.
PROBE = """(async () => {
  const said = (name) =>
    new Promise((done) => player.addEventListener(name, done, { once: true }));
  const press = (key) =>
    document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  if (player.readyState < 1) await said("loadedmetadata");
  press("ArrowDown");
  press("ArrowDown");
  const focused = document.activeElement.getAttribute("aria-label");
  const seeked = said("seeked"), paused = said("pause");
  document.activeElement.click();
  await seeked;
  const began = player.currentTime;
  const current = document.querySelector("[aria-current]").dataset.start;
  const shapes = document.querySelectorAll("rect.playing").length;
  await paused;
  const ended = player.currentTime;
  const again = said("seeked");
  const shape = document.querySelector('rect[data-n="2"]');
  shape.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  await again;
  const clicked = player.currentTime;
  press("Escape");
  return {
    focused, began, current, shapes, ended, clicked,
    stopped: player.paused,
    left: document.querySelectorAll(".playing").length,
    fits: document.documentElement.scrollWidth <= innerWidth,
    requests: performance.getEntriesByType("resource").length,
  };
})()"""


def test_a_browser_plays_one_segment_and_stops(tmp_path, page, browser):
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    found = browser.open(path).run(PROBE)
    assert browser.errors == []
    assert found["focused"] == "Play segment 2, ben, 1.00 to 2.50 s"
    assert found["began"] == pytest.approx(1.0, abs=0.2)
    assert (found["current"], found["shapes"]) == ("1.000000", 2)
    assert 2.5 <= found["ended"] < 3.0
    assert found["clicked"] == pytest.approx(3.0, abs=0.2)
    assert found["stopped"]
    assert found["left"] == 0
    assert found["fits"]
    assert found["requests"] == 0
