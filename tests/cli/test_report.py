"""`audiokit report`: one page, whatever lies in the folder."""

from __future__ import annotations

import json
import os
import re
import shutil

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from audiokit.cli.app import app
from audiokit.errors import InterruptedRunError

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def takes(samples, tmp_path_factory):
    """A folder with good, bad and silent recordings, and one that is none."""
    folder = tmp_path_factory.mktemp("report") / "takes"
    (folder / "deep").mkdir(parents=True)
    shutil.copy(samples / "pauses_nl.wav", folder / "good.wav")
    shutil.copy(samples / "white_noise_de.wav", folder / "deep" / "noisy.wav")
    shutil.copy(samples / "babble_es.wav", folder / "deep" / "worse.wav")
    soundfile.write(folder / "silent.wav", np.zeros(16000), 16000)
    (folder / "torn.wav").write_bytes(b"RIFF")
    return folder


def report(*arguments):
    return RUNNER.invoke(app, ["report", *map(str, arguments)])


def test_a_folder_becomes_a_page_and_a_summary(takes, tmp_path):
    done = report(takes, "-o", tmp_path / "page.html", "--json", "-j1")
    # A file that failed is told as everywhere; the page is there all the same.
    assert done.exit_code == 1, done.stderr
    answer = json.loads(done.stdout)
    assert answer["schema"] == "audiokit.report/1"
    assert [row["source"] for row in answer["rows"]] == sorted(map(str, takes.rglob("*.wav")))
    summary = answer["summary"]
    assert (summary["n_recordings"], summary["n_failures"]) == (4, 1)
    scores = {row["source"]: row.get("score_overall") for row in answer["rows"]}
    lowest = min((score, path) for path, score in scores.items() if score is not None)
    assert str(takes / summary["worst"][0]) == lowest[1]
    assert summary["page_bytes"] == (tmp_path / "page.html").stat().st_size
    assert "torn.wav" in done.stderr
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<title>Report: takes</title>" in page
    assert page.count("<audio") == summary["n_scored"]
    assert list(tmp_path.iterdir()) == [tmp_path / "page.html"]


def test_stdout_is_empty_unless_asked_for(takes, tmp_path):
    done = report(takes / "good.wav", "-o", tmp_path / "page.html")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "page.html: 1 recording, " in done.stderr


def test_the_same_folder_gives_the_same_page_for_any_number_of_workers(takes, tmp_path):
    for name, jobs in (("one", "1"), ("two", "2")):
        report(takes, "-o", tmp_path / f"{name}.html", "-j", jobs)
    pages = [(tmp_path / f"{name}.html").read_bytes() for name in ("one", "two")]
    assert pages[0] == pages[1]
    assert str(tmp_path).encode() not in pages[0]


def test_how_much_is_shown_and_heard_is_asked_for(takes, tmp_path):
    some = report(takes / "deep", "-o", tmp_path / "a.html", "--worst", "1", "--excerpt-s", "0")
    assert some.exit_code == 0
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert (page.count('<article class="card"'), page.count("<audio")) == (1, 0)
    assert "no sound was asked for" in page
    for wrong in (("--worst", "101"), ("--excerpt-s", "61"), ("--excerpt-s", "nan")):
        refused = report(takes, "-o", tmp_path / "b.html", *wrong)
        assert (refused.exit_code, refused.stdout) == (2, "")
    assert not (tmp_path / "b.html").exists()


@pytest.mark.parametrize("name", ["page.wav", "page", "."])
def test_a_page_goes_to_a_name_that_says_so(takes, tmp_path, name):
    refused = report(takes, "-o", tmp_path / name)
    assert (refused.exit_code, "ending in .html" in refused.stderr) == (2, True)


def test_a_page_is_replaced_only_when_asked_to(takes, tmp_path):
    (tmp_path / "page.html").write_text("mine")
    command = (takes / "good.wav", "-o", tmp_path / "page.html")
    refused = report(*command)
    assert (refused.exit_code, "--overwrite" in refused.stderr) == (2, True)
    assert (tmp_path / "page.html").read_text() == "mine"
    assert report(*command, "--overwrite").exit_code == 0


def test_a_place_that_cannot_be_written_is_told_before_the_work(takes, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr("audiokit.batch.folder.ReportRun.rows", lambda _: pytest.fail("it worked"))
    refused = report(takes, "-o", tmp_path / "file" / "page.html")
    assert refused.exit_code == 2
    assert "page.html', expected a file in a folder that may be written" in refused.stderr


def test_an_interrupted_run_leaves_no_page_and_says_so(takes, tmp_path, monkeypatch):
    def interrupted(_):
        message = "interrupted; what was finished is kept. Run again to go on."
        raise InterruptedRunError(message)

    monkeypatch.setattr("audiokit.batch.folder.ReportRun.rows", interrupted)
    done = report(takes, "-o", tmp_path / "page.html")
    assert (done.exit_code, done.stderr) == (130, "audiokit: interrupted; no page was written.\n")
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_is_found_nothing_is_written(tmp_path):
    (tmp_path / "empty").mkdir()
    done = report(tmp_path / "empty", "-o", tmp_path / "new" / "page.html")
    assert done.exit_code == 3
    assert not (tmp_path / "new").exists()


def test_a_dry_run_lists_and_writes_nothing(takes, tmp_path):
    done = report(takes, "-o", tmp_path / "page.html", "--dry-run", "--json")
    assert done.exit_code == 0
    assert len(json.loads(done.stdout)["rows"]) == 5
    assert list(tmp_path.iterdir()) == []


def test_a_hostile_name_is_shown_and_does_nothing(takes, tmp_path, browser):
    # A name holds no slash, but a folder's end does.
    folder = tmp_path / "in"
    (folder / "a<").mkdir(parents=True)
    hostile = folder / "a<" / "script><img src=q onerror=hacked=1>'\"&amp;.wav"
    shutil.copy(takes / "deep" / "noisy.wav", hostile)
    shown = "a</script><img src=q onerror=hacked=1>'\"&amp;.wav"
    done = report(folder, "-o", tmp_path / "page.html", "--json")
    assert done.exit_code == 0, done.stderr
    opened = browser.open(tmp_path / "page.html")
    assert opened.run("document.querySelector('#table tbody th button').textContent") == shown
    assert opened.run("document.querySelector('.card h3').textContent") == f"1. {shown}"
    assert opened.run("typeof hacked") == "undefined"
    assert opened.errors == []


@pytest.fixture(scope="module")
def dataset(takes, tmp_path_factory):
    """What process makes of the folder, and of its own copy of the sources."""
    home = tmp_path_factory.mktemp("processed")
    shutil.copytree(takes, home / "takes")
    done = RUNNER.invoke(app, ["process", str(home / "takes"), "-o", str(home / "ds"), "-j1"])
    assert done.exit_code == 1  # the torn one
    return home


def test_a_processed_folder_is_shown_before_and_after(dataset, tmp_path, browser):
    done = report(dataset / "ds", "-o", tmp_path / "page.html", "--json")
    assert done.exit_code == 0, done.stderr
    answer = json.loads(done.stdout)
    summary = answer["summary"]
    assert (summary["n_recordings"], summary["n_failures"]) == (4, 1)
    scores = {row["source"]: row["score_overall"] for row in answer["rows"]}
    changes = [
        scores[str(dataset / "ds" / "audio" / f"{name}.flac")]
        - scores[str(dataset / "takes" / f"{name}.wav")]
        for name in ("good", "deep/noisy", "deep/worse")
    ]
    assert summary["n_compared"] == len(changes)
    assert summary["overall_change_median"] == pytest.approx(np.median(changes), abs=0.06)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Not processed: " in page
    assert page.count("<audio") == 2 * summary["n_scored"]
    for told in ("Stage by stage", "Mean reduction", "Behind"):
        assert told in page, told
    opened = browser.open(tmp_path / "page.html", width=390)
    lengths = """Promise.all([...document.querySelectorAll("audio")].map(
      (player) => new Promise((done) => {
        if (player.readyState > 0) done(player.duration);
        player.onloadedmetadata = () => done(player.duration);
        player.onerror = () => done(null);
      })))"""
    found = opened.run(lengths)
    # Both sides of each are as long.
    assert len(found) == 2 * summary["n_scored"]
    assert found[::2] == pytest.approx(found[1::2], abs=0.05)
    assert min(found) > 2.0
    # One plays at a time, and takes up where the other was.
    heard = opened.run(
        """(async () => {
          const [before, after] = document.querySelectorAll(".card audio");
          await after.play();
          await before.play();
          await new Promise((done) => { before.ontimeupdate = done; });
          return [before.paused, after.paused];
        })()"""
    )
    assert heard == [False, True]
    assert opened.run("document.documentElement.scrollWidth") <= 390
    assert opened.errors == []


def test_sources_that_are_gone_are_told_and_the_manifest_speaks_for_them(dataset, tmp_path):
    shutil.copytree(dataset / "ds", tmp_path / "ds")
    manifest = tmp_path / "ds" / "manifest.jsonl"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace(str(dataset / "takes"), "/gone"), encoding="utf-8")
    done = report(tmp_path / "ds", "-o", tmp_path / "page.html", "--json")
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)["summary"]
    remarks = " ".join(summary["remarks"])
    assert "4 sources not where the manifest says" in remarks
    # What the run measured before stands in the manifest.
    assert summary["n_compared"] == 3
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<audio") == summary["n_scored"]


@pytest.mark.parametrize("option", [("--include", "*.wav"), ("--raw-format", "s16le:8000:1")])
def test_what_a_manifest_says_is_not_said_again(dataset, tmp_path, option):
    refused = report(dataset / "ds", "-o", tmp_path / "page.html", *option)
    assert (refused.exit_code, "a folder that process made" in refused.stderr) == (2, True)


def test_a_recipe_is_of_use_only_where_one_was_run(takes, tmp_path):
    refused = report(takes, "-o", tmp_path / "page.html", "--recipe", "speech")
    assert (refused.exit_code, "but for a folder that process made" in refused.stderr) == (2, True)


def test_a_manifest_that_is_torn_is_told_in_one_line(dataset, tmp_path):
    shutil.copytree(dataset / "ds", tmp_path / "ds")
    with (tmp_path / "ds" / "manifest.jsonl").open("a") as lines:
        lines.write('{"source": ')
    done = report(tmp_path / "ds", "-o", tmp_path / "page.html")
    assert done.exit_code == 1
    assert re.fullmatch(r"audiokit: .*manifest\.jsonl: cannot be read.*\n", done.stderr)
    assert not (tmp_path / "page.html").exists()


def test_the_program_itself_makes_a_page(takes, tmp_path, audiokit):
    name = os.fsdecode(b"a\xff.wav")
    shutil.copy(takes / "good.wav", tmp_path / name)
    done = audiokit("report", name, takes / "silent.wav", "-o", "page.html", "-j2")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "Report: a\\udcff.wav and 1 more" in (tmp_path / "page.html").read_text("utf-8")
