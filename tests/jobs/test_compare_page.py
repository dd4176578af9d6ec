"""The page to listen and compare: complete, true, and needing nothing from elsewhere."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
import soundfile

from audiokit.errors import SettingError
from audiokit.jobs.compare_page import PageSettings, page_text
from audiokit.jobs.comparison import Comparison
from audiokit.jobs.process import ProcessTask, process_file
from audiokit.recipe import make_recipe
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike

STAGES = [{"use": "highpass", "cutoff_hz": 100}, {"use": "denoise"}]


def noisy(fmt, seconds):
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((round(seconds * fmt.sample_rate), fmt.channels)) * 0.01
    return (speechlike(fmt, seconds) * 0.8 + noise).astype(np.float32)


def page_of(folder, block, sample_rate=16000, *, name="take.wav", stages=STAGES, **write):
    """Write a recording, clean it, and return the page."""
    soundfile.write(folder / name, block, sample_rate, "FLOAT")
    outputs = {"audio": folder / "out" / name, "report": folder / "out" / f"{name}.html"}
    recipe = make_recipe("mine", {"stage": stages, "write": {"audio": {}, "report": {}} | write})
    task = ProcessTask(str(folder / name), outputs, name=str(folder / name), scratch=folder)
    process_file(task, recipe)
    return outputs["report"].read_text(encoding="utf-8")


def words_of(page):
    """Return what there is to read, in one line."""
    words = re.sub(r"<[^>]+>", " ", re.sub(r"base64,[^\"]+", "", page))
    return " ".join(words.split())


def pictures_of(page):
    """Return the colours of the page's spectrograms, 0 to 1."""
    imread = pytest.importorskip("matplotlib.image").imread
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    return [imread(io.BytesIO(base64.b64decode(data)))[..., :3] for data in found]


def sounds_of(page):
    """Return the samples of the page's players: before, after, removed."""
    found = re.findall(r'src="data:audio/flac;base64,([^"]+)"', page)
    return [
        soundfile.read(io.BytesIO(base64.b64decode(data)), always_2d=True)[0] for data in found
    ]


def wav():
    """Return a recording as the bytes of a file."""
    stream = io.BytesIO()
    soundfile.write(stream, noisy(StreamFormat(16000, 1), 1.0), 16000, format="WAV")
    return stream.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def page(folder):
    return page_of(folder, noisy(StreamFormat(16000, 2), 4.0))


def test_what_is_played_is_the_source_the_result_and_their_difference(folder, page):
    before, after, removed = sounds_of(page)
    source, _ = soundfile.read(folder / "take.wav")
    result, _ = soundfile.read(folder / "out" / "take.wav")
    # 16 bits, with dither.
    np.testing.assert_allclose(before, source, rtol=0, atol=3 / 32768)
    np.testing.assert_allclose(after, result, rtol=0, atol=3 / 32768)
    np.testing.assert_allclose(removed, source - result, rtol=0, atol=3 / 32768)
    assert "The whole recording" in page


def test_nothing_is_loaded_from_elsewhere(page):
    assert re.findall(r"(?:https?:)?//\w", re.sub(r"base64,[^\"]+", "", page)) == []
    assert "default-src 'none'" in page
    assert {url.partition(";")[0] for url in re.findall(r'src="([^"]{4,30})', page)} == {
        "data:audio/flac",
        "data:image/png",
    }


def test_it_tells_the_figures_and_the_settings(folder, page):
    words = words_of(page)
    source, _ = soundfile.read(folder / "take.wav")
    level_dbfs = 10 * np.log10(np.mean(source**2))
    told = f"Mean level, dBFS {level_dbfs:.1f} ".replace("-", "\N{MINUS SIGN}")
    for said in (told, "4 s, 16000 Hz, stereo", "highpass cutoff 100 Hz", "window 32 ms"):
        assert said in words, said
    assert re.search(r"Noise floor \S+ → \S+ dBFS, mean reduction \S+ dB\.", words)
    assert page.count("<img ") == 3
    assert page.count("<audio ") == 3


def test_the_same_recording_gives_the_same_page(tmp_path, page):
    assert page_of(tmp_path, noisy(StreamFormat(16000, 2), 4.0)) == page


def test_kept_noise_changes_the_audio_and_not_the_page(tmp_path, page):
    stages, block = STAGES, noisy(StreamFormat(16000, 2), 4.0)
    turned = page_of(tmp_path, block, stages=stages, audio={"keep": "removed"})
    for own, other in zip(sounds_of(turned), sounds_of(page), strict=True):
        np.testing.assert_allclose(own, other, rtol=0, atol=3 / 32768)


def test_only_the_beginning_of_a_long_recording_is_on_it(tmp_path):
    block = noisy(StreamFormat(8000, 1), 70.0)
    page = page_of(tmp_path, block, 8000, stages=[{"use": "gain", "gain_db": -6}])
    assert [len(sound) for sound in sounds_of(page)] == [480_000] * 3
    assert "The first 1:00 of 1:10" in page
    short = page_of(tmp_path, block, 8000, stages=[{"use": "gain"}], report={"listen_s": 5})
    assert [len(sound) for sound in sounds_of(short)] == [40_000] * 3


@pytest.mark.parametrize(
    "block",
    [np.zeros((8000, 1)), np.full((1, 1), 0.5), np.sign(noisy(StreamFormat(8000, 1), 1.0))],
    ids=["silence", "one sample", "all clipped"],
)
def test_odd_recordings_have_a_page_too(tmp_path, block):
    page = page_of(tmp_path, block, 8000)
    assert "nan" not in re.sub(r"base64,[^\"]+", "", page).lower()
    assert len(sounds_of(page)) == 3


def test_silence_is_dark_and_what_is_heard_is_bright(tmp_path, page):
    silent = page_of(tmp_path, np.zeros((8000, 1)), 8000)
    assert [picture.mean() < 0.02 for picture in pictures_of(silent)] == [True] * 3
    before, after, _ = pictures_of(page)
    assert before.mean() > after.mean() > 0.1


def test_every_column_and_row_of_a_table_says_what_it_is(page):
    assert re.findall(r"<th\b(?! scope=\"(?:col|row)\">[^<])[^>]*>", page) == []
    for row in re.findall(r"<tbody>(.*?)</tbody>", page):
        starts = re.findall(r"<tr>(<\w+[^>]*>)", row)
        assert starts
        assert set(starts) == {'<th scope="row">'}
    keys = re.findall(r"<svg class=\"key\"[^>]*>", page)
    assert len(keys) == 2
    assert all('aria-hidden="true"' in key for key in keys)
    assert "a click on a picture" in words_of(page)


def test_what_was_compared_is_told_as_often_as_one_asks():
    fmt = StreamFormat(8000, 1)
    comparison = Comparison(fmt, listen_s=1.0, gives_removed=False)
    block = noisy(fmt, 0.5)
    comparison.process(block)
    comparison.compare(block / 2)
    recipe = make_recipe("mine", {"stage": STAGES})
    first, second = (page_text(comparison.finish(), "take", recipe, {}) for _ in range(2))
    assert first == second
    assert len(sounds_of(first)[0]) == len(block)


@pytest.mark.parametrize("stages", [STAGES, [{"use": "denoise_learnt"}]])
def test_a_page_goes_to_a_file_and_into_no_stream(tmp_path, stages):
    recipe = make_recipe("mine", {"stage": stages, "write": {"audio": {}, "report": {}}})
    outputs = {"audio": tmp_path / "a.wav", "report": io.BytesIO()}
    task = ProcessTask(io.BytesIO(wav()), outputs, name="x", scratch=tmp_path)
    with pytest.raises(SettingError, match=r"write\.report is 'a stream', expected a file"):
        process_file(task, recipe)
    assert not list(tmp_path.iterdir())


def test_a_name_is_text_and_never_markup(tmp_path):
    page = page_of(tmp_path, noisy(StreamFormat(8000, 1), 0.5), 8000, name="<b>&$x.wav")
    assert "<h1>&lt;b&gt;&amp;$x.wav</h1>" in page


def test_a_recipe_that_changes_the_format_has_no_page(tmp_path):
    with pytest.raises(SettingError, match=r"write\.report is '16000 Hz, 1 channel"):
        page_of(tmp_path, noisy(StreamFormat(16000, 2), 0.5), stages=[{"use": "channels"}])
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize("listen_s", [0.5, 61.0])
def test_an_excerpt_of_no_length_or_too_much_is_refused(listen_s):
    with pytest.raises(SettingError, match="1 to 60 s"):
        PageSettings(listen_s)


# What a browser made of the page, once its players know how long they are.
PROBE = """(async () => {
  const players = [...document.querySelectorAll("audio")];
  const ready = (player) => new Promise((done) => {
    if (player.readyState > 0 || player.error) done();
    else for (const name of ["loadedmetadata", "error"]) player.addEventListener(name, done);
  });
  await Promise.all(players.map(ready));
  return {
    lengths: players.map((player) => player.duration),
    widths: [...document.images].map((image) => image.naturalWidth),
    fits: document.documentElement.scrollWidth <= innerWidth,
    requests: performance.getEntriesByType("resource").length,
  };
})()"""


def test_a_browser_plays_and_shows_it_on_a_phone(tmp_path, page, browser):
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    found = browser.open(path, width=390).run(PROBE)
    assert browser.errors == []
    assert found["lengths"] == pytest.approx([4.0] * 3, abs=0.01)
    assert all(width > 100 for width in found["widths"])
    assert found["fits"]
    assert found["requests"] == 0
