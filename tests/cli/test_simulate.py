"""``audiokit simulate``: files, folders, captures, sweeps, reports and gates."""

from __future__ import annotations

import json
import os
import re

import numpy as np
import pytest
import soundfile

from audiokit.jobs.simulate_quality import has_measures
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike

FMT = StreamFormat(16_000, 1)
PLAIN = ("--codec", "pcm", "--plc", "repeat", "--no-quality")

needs_measures = pytest.mark.skipif(
    not has_measures(), reason="the extra quality is not installed"
)


@pytest.fixture
def take(tmp_path):
    soundfile.write(tmp_path / "take.wav", speechlike(FMT, 2.0) * 0.4, 16_000)
    return tmp_path / "take.wav"


def rows_of(done):
    assert done.returncode in (0, 4), done.stderr
    return json.loads(done.stdout)["rows"]


def test_a_recording_is_heard_and_told_about(take, tmp_path, audiokit):
    done = audiokit(
        *("simulate", take, "-o", "heard.wav", "--loss", 10, "--burst", 2, "--seed", 5),
        *("--no-quality", "--json"),
    )
    (row,) = rows_of(done)
    assert (row["status"], row["codec"], row["sample_rate"]) == ("ok", "opus", 16_000)
    assert row["packets_lost"] > 0
    assert row["webrtc.packetsLost"] == row["packets_lost"]
    assert soundfile.info(tmp_path / "heard.wav").frames == round(row["duration_s"] * 16_000)
    assert done.stderr == ""


def test_a_person_gets_a_table_of_few_columns(take, audiokit):
    done = audiokit("simulate", take, "-o", "heard.wav", *PLAIN)
    assert done.returncode == 0, done.stderr
    head = done.stdout.splitlines()[0].split()
    assert head == ["source", "loss_%", "made_up_%", "delay_ms", "mos"]


def test_each_of_several_networks_has_files_of_its_own(take, tmp_path, audiokit):
    done = audiokit(
        *("simulate", take, "-o", "out/heard.wav", "--loss", "0,30", "--jitter-ms", "0,20"),
        *("--pcap", "out/came.pcap", "--write-trace", "out/when.csv", *PLAIN, "--json"),
    )
    rows = rows_of(done)
    names = ["loss-0.jitter-ms-0", "loss-0.jitter-ms-20", "loss-30.jitter-ms-0"]
    assert [row["network"] for row in rows] == [*names, "loss-30.jitter-ms-20"]
    assert rows[0]["packets_lost"] == 0 < rows[2]["packets_lost"]
    for row in rows:
        for kind, stem in (("audio", "heard"), ("pcap", "came"), ("trace", "when")):
            assert f"{stem}.{row['network']}." in row[kind]
            assert (tmp_path / row[kind]).is_file()


def test_the_same_command_gives_the_same_bytes(take, tmp_path, audiokit):
    found = []
    for folder in ("a", "b"):
        done = audiokit(
            *("simulate", take, "-o", f"{folder}/o.wav", "--report", f"{folder}/o.html"),
            *("--loss", 10, "--burst", 3, "--jitter-ms", 40, "--seed", 7, "--no-quality"),
        )
        assert done.returncode == 0, done.stderr
        found.append([(tmp_path / folder / name).read_bytes() for name in ("o.wav", "o.html")])
    assert found[0] == found[1]


def test_a_folder_runs_in_parallel_and_each_network_has_a_folder(tmp_path, audiokit):
    (tmp_path / "in").mkdir()
    for name in "abc":
        soundfile.write(tmp_path / "in" / f"{name}.wav", speechlike(FMT, 1.0) * 0.4, 16_000)
    command = ("simulate", "in", "-o", "out", "--loss", "0,20", *PLAIN, "--json")
    one = audiokit(*command, "--jobs", 1)
    assert [row["network"] for row in rows_of(one)] == ["loss-0"] * 3 + ["loss-20"] * 3
    first = {path: path.read_bytes() for path in sorted((tmp_path / "out").rglob("*.wav"))}
    assert len(first) == 6
    many = audiokit(*command, "--jobs", 2, "--overwrite")
    assert many.returncode == 0, many.stderr
    assert {path: path.read_bytes() for path in first} == first
    assert (tmp_path / "out" / "loss-20" / "manifest.jsonl").is_file()
    # What is done and unchanged is not done again.
    again = audiokit(*command)
    assert "as before" in again.stderr


def test_one_that_fails_is_a_row_and_the_others_go_on(tmp_path, audiokit):
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "a.wav", speechlike(FMT, 0.5) * 0.4, 16_000)
    (tmp_path / "in" / "b.wav").write_bytes(b"RIFF nothing")
    done = audiokit("simulate", "in", "-o", "out", *PLAIN, "--json", "--report", "r.html")
    assert done.returncode == 1
    rows = json.loads(done.stdout)["rows"]
    assert [row["status"] for row in rows] == ["ok", "failed"]
    assert "b.wav" in done.stderr
    assert "b.wav" in (tmp_path / "r.html").read_text()


def test_pipes_are_heard_from_end_to_end(take, audiokit):
    done = audiokit("simulate", "-", "-o", "-", *PLAIN, stdin=take.read_bytes())
    assert done.returncode == 0, done.stderr
    assert done.stdout[:4] == b"RIFF"
    said = soundfile.read(take, dtype="int16")[0]
    np.testing.assert_array_equal(np.frombuffer(done.stdout[44:], "<i2")[: len(said)], said)


def test_what_arrived_is_played_again_from_its_capture(take, tmp_path, audiokit):
    audiokit("simulate", take, "-o", "a.wav", "--pcap", "a.pcap", "--no-quality")
    done = audiokit("simulate", "a.pcap", "-o", "b.wav", "--pcap", "b.opus", "--no-quality")
    assert done.returncode == 0, done.stderr
    for source in ("a.pcap", "b.opus"):
        back = audiokit("decode", source, "-o", f"{source}.wav")
        assert back.returncode == 0, back.stderr
    first = soundfile.read(tmp_path / "a.wav")[0]
    for name in ("b.wav", "a.pcap.wav", "b.opus.wav"):
        other = soundfile.read(tmp_path / name)[0]
        np.testing.assert_array_equal(other[: len(first)], first)


def test_a_gate_that_is_not_met_ends_with_4(take, audiokit):
    done = audiokit(
        *("simulate", take, "-o", "h.wav", "--loss", "0,30", *PLAIN),
        *("--fail-under", "mos=4", "--fail-over", "concealed_percent=50"),
    )
    assert done.returncode == 4
    assert "mos is" in done.stderr
    assert "1 of 2 files did not meet the gates" in done.stderr


@needs_measures
def test_a_gate_on_pesq_measures_it(take, audiokit):
    good = audiokit("simulate", take, "-o", "a.wav", "--codec", "pcm", "--fail-under", "pesq=4")
    assert good.returncode == 0, good.stderr
    bad = audiokit(
        *("simulate", take, "-o", "b.wav", "--codec", "pcm", "--loss", 40),
        *("--fail-under", "pesq=3.0,stoi=0.3"),
    )
    assert bad.returncode == 4
    assert re.search(r"pesq is [\d.]+, expected 3 or more", bad.stderr)


def test_measures_asked_for_and_absent_end_with_5(take, tmp_path, audiokit):
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import importlib.util as u\nf = u.find_spec\n"
        "u.find_spec = lambda n, p=None: None if n in ('pesq', 'pystoi') else f(n, p)\n"
    )
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
    for asked in (["--quality"], ["--fail-under", "pesq=3"]):
        done = audiokit("simulate", take, "-o", "h.wav", *asked, env={"PYTHONPATH": path})
        assert done.returncode == 5, done.stderr
        assert "audiokit[quality]" in done.stderr
    # Not asked for, they are left out.
    done = audiokit("simulate", take, "-o", "h.wav", "--json", env={"PYTHONPATH": path})
    assert "pesq" not in rows_of(done)[0]


def test_a_report_for_programs_holds_the_rows(take, tmp_path, audiokit):
    done = audiokit("simulate", take, "-o", "h.wav", "--report", "r.json", "--loss", "0,9", *PLAIN)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["schema"] == "audiokit.simulate/1"
    assert [row["network"] for row in found["rows"]] == ["loss-0", "loss-9"]


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (["--loss", "101"], 2, "0 to 100"),
        (["--report", "r.txt"], 2, ".html or .json"),
        (["--codec", "pcm", "--pcap", "r.opus"], 2, ".pcap for pcm"),
        (["--trace", "none.csv"], 1, "none.csv"),
        (["--max-delay-ms", "10"], 2, "max_delay_ms"),
        (["--fail-under", "pesk=3"], 2, "pesq"),
        (["--frame-ms", "30"], 2, "frame_ms"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(take, tmp_path, audiokit, asked, code, said):
    done = audiokit("simulate", take, "-o", "h.wav", *asked)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "h.wav").exists()


def test_nothing_is_replaced_unless_asked(take, tmp_path, audiokit):
    (tmp_path / "h.wav").write_bytes(b"mine")
    done = audiokit("simulate", take, "-o", "h.wav", *PLAIN)
    assert done.returncode == 2
    assert "--overwrite" in done.stderr
    assert (tmp_path / "h.wav").read_bytes() == b"mine"
    same = audiokit("simulate", take, "-o", take, *PLAIN, "--overwrite")
    assert same.returncode == 2
    assert "another file than the source" in same.stderr


def test_a_dry_run_says_what_would_be_written(take, tmp_path, audiokit):
    done = audiokit(
        *("simulate", take, "-o", "h.wav", "--loss", "1,2", "--dry-run", "--json", *PLAIN)
    )
    assert [row["audio"] for row in rows_of(done)] == ["h.loss-1.wav", "h.loss-2.wav"]
    assert not list(tmp_path.glob("h*"))
