"""``audiokit compare`` as its user runs it."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
import soundfile

HAS_EXTRA = find_spec("pesq") is not None and find_spec("pystoi") is not None


@pytest.fixture
def folders(samples, tmp_path):
    """Two folders: a good copy, a late and inverted one at half the rate, one of another talk."""
    names = ("clean_en.wav", "pauses_nl.wav", "quiet_sv.wav")
    for folder in ("clean", "coded"):
        (tmp_path / folder / "deep").mkdir(parents=True)
    for name in names:
        shutil.copy(samples / name, tmp_path / "clean" / "deep")
    shutil.copy(samples / "clean_en.wav", tmp_path / "coded" / "deep")
    audio, _ = soundfile.read(samples / "pauses_nl.wav")
    late = -0.5 * np.concatenate([np.zeros(800), audio])
    soundfile.write(tmp_path / "coded" / "deep" / "pauses_nl.flac", late, 16000)
    shutil.copy(samples / "clean_en.wav", tmp_path / "coded" / "deep" / "quiet_sv.wav")
    # Sidecars that are no references.
    for name in ("clean_en.json", "pauses_nl.txt", "quiet_sv.csv"):
        (tmp_path / "clean" / "deep" / name).write_text("{}")
    return tmp_path


def rows_of(done):
    return {row["source"].rpartition("/")[2]: row for row in json.loads(done.stdout)["rows"]}


@pytest.mark.usefixtures("folders")
def test_folders_are_paired_by_name_and_each_pair_says_what_it_is(audiokit):
    done = audiokit("compare", "clean", "coded", "--json", "-j", 1)
    assert done.returncode == 0, done.stderr
    rows = rows_of(done)
    same = rows["clean_en.wav"]
    assert (same["si_sdr_db"], same["delay_ms"], same["reason"]) == (100.0, 0.0, None)
    opinions = [4.64, 1.0] if HAS_EXTRA else [None, None]
    assert [same["pesq"], same["stoi"]] == pytest.approx(opinions, abs=0.01)
    assert ("left out: PESQ needs" in done.stderr) is not HAS_EXTRA
    late = rows["pauses_nl.flac"]
    assert late["reference"] == "clean/deep/pauses_nl.wav"
    assert late["delay_ms"] == pytest.approx(50.0, abs=0.01)
    assert late["gain_db"] == pytest.approx(-6.02, abs=0.05)
    assert late["is_inverted"] is True
    assert "polarity is reversed" in late["remarks"]
    other = rows["quiet_sv.wav"]
    assert other["reason"] == "another recording: nothing of the reference is found in it"
    assert other["si_sdr_db"] is other["pesq"] is other["stoi"] is None
    assert "coded/deep/quiet_sv.wav: no numbers: another recording" in done.stderr
    summary = json.loads(done.stdout)["summary"]
    assert (summary["ok"], summary["n_without_numbers"]) == (3, 1)
    median_db = (same["si_sdr_db"] + late["si_sdr_db"]) / 2
    assert summary["median_si_sdr_db"] == pytest.approx(median_db, abs=1e-3)


def test_recording_without_a_reference_fails_alone_and_the_spare_reference_is_named(
    folders, audiokit
):
    (folders / "clean" / "deep" / "pauses_nl.wav").rename(folders / "clean" / "spare.wav")
    shutil.copy(folders / "clean/deep/quiet_sv.wav", folders / "clean/deep/clean_en.flac")
    done = audiokit("compare", "clean", "coded", "--json", "-j", 1)
    assert done.returncode == 1
    rows = rows_of(done)
    assert "has no reference in clean" in rows["pauses_nl.flac"]["error"]
    assert rows["clean_en.wav"]["reference"] == "clean/deep/clean_en.wav"
    assert "no recording belongs to the reference" in done.stderr
    assert "spare.wav" in done.stderr


@pytest.mark.usefixtures("folders")
def test_gates_fail_what_has_no_number_and_a_table_fits_its_terminal(folders, audiokit):
    noisy, rate = soundfile.read(folders / "clean/deep/clean_en.wav")
    noisy += 0.02 * np.random.default_rng(0).standard_normal(len(noisy))
    soundfile.write(folders / "coded/deep/clean_en.wav", noisy, rate)
    done = audiokit("compare", "clean", "coded", "--fail-under", "si_sdr_db=25")
    assert done.returncode == 4
    assert "clean_en.wav: si_sdr_db is" in done.stderr
    assert "quiet_sv.wav: si_sdr_db has no value (another recording" in done.stderr
    assert "2 of 3 files did not meet the gates." in done.stderr
    opinions = ["pesq", "stoi"] if HAS_EXTRA else []
    assert done.stdout.splitlines()[0].split() == [
        *("source", "si_sdr_db", *opinions, "delay_ms", "gain_db", "remarks")
    ]


def test_rate_length_and_level_are_handled_and_said(folders, audiokit):
    from audiokit.files.resample import Resampler, ResampleSettings
    from audiokit.stage import StreamFormat, run_blocks

    audio, rate = soundfile.read(folders / "clean/deep/clean_en.wav", dtype="float32")
    stage = Resampler(StreamFormat(rate), ResampleSettings(8000))
    low = np.concatenate(list(run_blocks(stage, [audio[rate:, np.newaxis]])))
    soundfile.write(folders / "low.wav", 0.25 * low, 8000)
    clean = folders / "clean/deep/clean_en.wav"
    done = audiokit("compare", clean, "low.wav", "--json", "--keep-level")
    (row,) = json.loads(done.stdout)["rows"]
    assert row["remarks"] == [
        (
            "the recording has 8000 Hz, and is compared at 16000 Hz: "
            "what it lacks above 4000 Hz counts as lost"
        ),
        "1.00 s of the reference are not in the recording",
    ]
    assert row["delay_ms"] == pytest.approx(-1000.0, abs=0.05)
    assert row["gain_db"] == pytest.approx(-12.0, abs=0.2)
    # A quarter of the level leaves three quarters of the difference: 2.5 dB.
    assert row["snr_db"] == pytest.approx(2.5, abs=0.1)
    assert row["si_sdr_db"] > 10.0


@pytest.mark.usefixtures("folders")
@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("gone.wav", "coded"), 2, "reference is 'gone.wav', expected a file, or a folder"),
        (("clean", "clean/deep/clean_en.wav"), 2, "expected a folder, as the reference is one"),
        (("clean", "-"), 2, "degraded is '-', expected a file or a folder"),
        (("clean", "gone"), 3, "there is no such file or folder"),
        (("clean", "coded", "--fail-under", "pesk=2"), 2, "Did you mean pesq?"),
        (("clean", "coded", "--fail-under", "stoi=2"), 2, "expected -1 to 1 for stoi"),
    ],
)
def test_mistake_is_one_sentence_before_any_work(
    folders, capsys, monkeypatch, arguments, code, sentence
):
    import typer

    from audiokit.cli.app import app
    from audiokit.errors import AudiokitError

    monkeypatch.chdir(folders)
    with pytest.raises((SystemExit, AudiokitError)) as end:
        typer.main.get_command(app)(["compare", *arguments], prog_name="audiokit")
    said = capsys.readouterr()
    assert end.value.code == code
    assert sentence in said.err
    assert said.out == ""
