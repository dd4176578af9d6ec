"""``audiokit score`` as its user, or a build server, runs it."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from junitparser import JUnitXml


@pytest.fixture
def takes(samples, tmp_path):
    """A clean clip, a noisy one, and one that is no audio."""
    folder = tmp_path / "takes"
    folder.mkdir()
    for name in ("quiet_sv.wav", "pink_noise_fr.flac"):
        shutil.copy(samples / name, folder)
    return folder


def scores(path):
    return {row["source"]: row for row in json.loads(path.read_text())["rows"]}


def test_noisy_pairs_have_a_row_each_and_the_noisy_one_the_lower_score(recordings, audiokit):
    done = audiokit("score", recordings / "noisy_pair", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "audiokit.score/1"
    assert document["summary"]["ok"] == len(document["rows"]) == 18
    # Where no speech is found beside the noise, that is the lower score.
    overall = {row["source"]: row["score_overall"] or -1.0 for row in document["rows"]}
    pairs = [
        (overall[n], overall[n.replace("noisy.", "clean.")]) for n in overall if "noisy." in n
    ]
    # Babble as loud as the voice may be no speech at all, and then has no score.
    assert sum(noisy is None or noisy < clean for noisy, clean in pairs) >= 8


@pytest.mark.usefixtures("takes")
def test_degraded_file_fails_a_build_in_every_way_that_was_asked_for(tmp_path, audiokit):
    (tmp_path / "takes" / "text.wav").write_text("no audio")
    done = audiokit(
        *("score", "takes", "--fail-under", "snr_db=15", "-o", "scores.json"),
        *("--junit", "gates.xml", "--annotations", "github"),
    )
    assert done.returncode == 4
    assert done.stdout == ""
    gate = [line for line in done.stderr.splitlines() if line.startswith("audiokit: gate: ")]
    assert len(gate) == 1
    assert gate[0].startswith("audiokit: gate: takes/pink_noise_fr.flac: snr_db is ")
    assert "::error file=takes/pink_noise_fr.flac,title=audiokit score::snr_db is" in done.stderr
    assert "::error file=takes/text.wav,title=audiokit score::takes/text.wav: " in done.stderr
    assert done.stderr.rstrip().endswith("1 of 2 files did not meet the gates.")
    (suite,) = JUnitXml.fromfile(str(tmp_path / "gates.xml"))
    assert (suite.tests, suite.failures, suite.errors) == (3, 1, 1)
    assert len(scores(tmp_path / "scores.json")) == 3


@pytest.mark.usefixtures("takes")
def test_baseline_of_one_run_gates_the_next(tmp_path, audiokit):
    made = audiokit("score", "takes", "--format", "json", "-o", "scores.json")
    assert made.returncode == 0, made.stderr
    gate = ("--baseline", "scores.json", "--max-drop", "2")
    again = audiokit("score", "takes", *gate, "--json")
    assert again.returncode == 0, again.stderr
    shutil.copy(tmp_path / "takes/pink_noise_fr.flac", tmp_path / "takes/quiet_sv.wav")
    worse = audiokit("score", "takes", *gate)
    assert worse.returncode == 4
    assert "takes/quiet_sv.wav: overall fell from" in worse.stderr
    elsewhere = audiokit("score", tmp_path / "takes", *gate)
    assert elsewhere.returncode == 2
    assert "expected some of the files that are given" in elsewhere.stderr
    assert elsewhere.stdout == ""


def test_workflow_of_the_docs_passes_good_recordings_and_fails_a_degraded_one(
    samples, tmp_path, audiokit
):
    root = samples.parent
    page = (root / "docs" / "howto" / "score.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (extra,) = re.findall(r'pip install "audiokit\[(\w+)\]"', snippet)
    assert f"\n{extra} = [" in (root / "pyproject.toml").read_text(encoding="utf-8")
    (line,) = re.findall(r"audiokit (score recordings/.*?)\n      -", snippet, re.DOTALL)
    (tmp_path / "recordings").mkdir()
    shutil.copy(samples / "quiet_sv.wav", tmp_path / "recordings" / "a.wav")
    audiokit("score", "recordings/", "--format", "json", "-o", "scores.json")
    good = audiokit(*line.split())
    assert good.returncode == 0, good.stderr
    shutil.copy(samples / "pink_noise_fr.flac", tmp_path / "recordings")
    bad = audiokit(*line.split(), "--overwrite")
    assert bad.returncode == 4
    assert "::error file=recordings/pink_noise_fr.flac,title=audiokit score::" in bad.stderr


@pytest.mark.usefixtures("takes")
@pytest.mark.parametrize("sink", ["closed", "/dev/full"])
def test_gates_are_asked_though_nobody_reads_stdout(tmp_path, sink):
    command = [sys.executable, "-m", "audiokit", "score", "takes", "--format", "jsonl"]
    command += ["--fail-under", "snr_db=15", "--junit", "gates.xml"]
    if sink == "closed":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open(sink, os.O_WRONLY)
    done = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False
    )
    os.close(writer)
    assert done.returncode == 4
    assert "pink_noise_fr.flac: snr_db is" in done.stderr
    assert "1 of 2 files" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "gates.xml").is_file()


@pytest.mark.parametrize("option", ["--junit", "-o"])
def test_recording_is_never_written_over_whatever_its_name(takes, audiokit, option):
    recording = (takes / "quiet_sv.wav").rename(takes / "take.one")
    before = recording.read_bytes()
    (takes / "link.xml").symlink_to(recording)
    for name in ("take.one", "link.xml"):
        done = audiokit("score", recording, option, takes / name, "--overwrite")
        assert (done.returncode, done.stdout) == (2, "")
        assert "expected another file than those that are read" in done.stderr
    assert recording.read_bytes() == before


@pytest.mark.usefixtures("takes")
@pytest.mark.parametrize(("gate", "code"), [("snr_db=15", 4), ("snr_db=-20", 0)])
def test_stdout_that_was_closed_before_the_start_changes_no_verdict(tmp_path, gate, code):
    line = f"{sys.executable} -m audiokit score takes --fail-under {gate} >&-"
    done = subprocess.run(
        ["/bin/sh", "-c", line], stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == code, done.stderr
    assert "unexpected" not in done.stderr


@pytest.mark.usefixtures("takes")
def test_file_holds_the_rows_in_the_format_of_its_name(tmp_path, audiokit):
    for name in ("s.json", "s.jsonl", "s.csv", "s.parquet"):
        done = audiokit("score", "takes", "-o", name, "-q", "-j", 1, "--sort=-overall")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), name
    expected = json.loads((tmp_path / "s.json").read_text())["rows"]
    assert [row["source"] for row in expected] == [
        "takes/quiet_sv.wav",
        "takes/pink_noise_fr.flac",
    ]
    lines = (tmp_path / "s.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == expected
    assert pq.read_table(tmp_path / "s.parquet").to_pylist() == expected
    with (tmp_path / "s.csv").open() as table:
        overall = [float(row["score_overall"]) for row in csv.DictReader(table)]
    assert overall == [row["score_overall"] for row in expected]
    again = audiokit("score", "takes", "-o", "s.csv")
    assert again.returncode == 2
    assert "Add --overwrite" in again.stderr


@pytest.mark.usefixtures("takes")
def test_bottom_one_is_the_worst_and_fits_eighty_columns(samples, tmp_path, audiokit):
    shutil.copy(samples / "clipped_pl.flac", tmp_path / "takes")
    done = audiokit("score", "takes", "--bottom", 1)
    head, row = done.stdout.splitlines()
    assert head.split()[:3] == ["source", "overall", "grade"]
    everything = audiokit("score", "takes", "--json").stdout
    rows = json.loads(everything)["rows"]
    assert row.split()[0] == min(rows, key=lambda each: each["score_overall"])["source"]
    assert len(row) <= 80


@pytest.mark.usefixtures("takes")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--fail-under", "overall=abc"), "fail_under is 'overall=abc', expected NAME=NUMBER"),
        (("--fail-under", "loudnes=3"), "fail_under is 'loudnes', expected a column of numbers"),
        (("--baseline", "none.json", "--max-drop", "2"), "expected a file to read"),
        (("--max-drop", "2"), "baseline is None, expected a file beside --max-drop"),
        (("--sort", "colour"), "sort is 'colour', expected a column"),
        (("--top", "1", "--bottom", "1"), "expected no --bottom beside it"),
        (("-o", "a.json", "--junit", "./a.json"), "expected another file than --junit"),
        (("-o", "takes"), "out is 'takes', expected a file"),
        (("-o", "a.wav"), "expected a file for rows"),
        (("--junit", "/proc/none/gates.xml"), "expected a file in a folder that may be written"),
        (("--junit", "takes/quiet_sv.wav", "--overwrite"), "does not look like a recording"),
        (("--format", "parquet"), "expected a file for it"),
        (("--profile", "loud"), "profile is 'loud'"),
    ],
)
def test_mistake_is_one_sentence_before_any_work(
    tmp_path, capsys, monkeypatch, arguments, sentence
):
    import typer

    from audiokit.cli.app import app

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        typer.main.get_command(app)(["score", "takes", *arguments], prog_name="audiokit")
    said = capsys.readouterr()
    assert end.value.code == 2
    assert sentence in said.err
    assert (said.err.count("\n"), said.out) == (1, "")


def test_stdin_is_gated_too(samples, audiokit):
    noisy = (samples / "pink_noise_fr.flac").read_bytes()
    done = audiokit("score", "-", "--fail-under", "snr_db=15", "--json", stdin=noisy)
    assert done.returncode == 4
    (row,) = json.loads(done.stdout)["rows"]
    assert row["source"] == "stdin"
    assert b"audiokit: gate: stdin: snr_db is" in done.stderr


def test_dnsmos_joins_the_row_where_its_package_is_there(samples, audiokit):
    pytest.importorskip("speechmos", reason="no speechmos: pip install 'audiokit[dnsmos]'")
    done = audiokit(
        *("score", samples / "quiet_sv.wav", samples / "white_noise_de.wav", "--with", "dnsmos"),
        *("--json", "--fail-under", "dnsmos_overall=1", "-j", 1),
    )
    assert done.returncode == 0, done.stderr
    clean, noisy = json.loads(done.stdout)["rows"]
    assert 5.0 >= clean["dnsmos_overall"] > noisy["dnsmos_overall"] >= 1.0
