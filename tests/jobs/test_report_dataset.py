"""What a run of process has left: read back, set beside its sources, and told when it is gone."""

from __future__ import annotations

import base64
import io
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from audiokit.errors import SettingError, UnreadableError
from audiokit.jobs.process import Limits, ProcessJob
from audiokit.jobs.report_dataset import read_dataset, stage_facts
from audiokit.jobs.report_excerpt import ExcerptJob
from audiokit.jobs.report_page import ReportSettings, report_page
from audiokit.jobs.report_rows import gather
from audiokit.jobs.report_steps import ShownJob, recipe_of
from audiokit.recipe import make_recipe
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike

SCORE = make_recipe("score", {"write": {"scores": {}}})


def manifest(folder, rows):
    """Write a manifest, and an empty file for each recording that it names."""
    for row in rows:
        if row.get("audio") and not row.pop("is_gone", False):
            (folder / row["audio"]).parent.mkdir(parents=True, exist_ok=True)
            (folder / row["audio"]).touch()
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    (folder / "manifest.jsonl").write_text(lines)


def made(name, source, **more):
    head = {"source": str(source), "status": "ok", "error": None, "hash": "old"}
    return head | {"audio": f"audio/{name}", "settings": "s", "audiokit_version": "1"} | more


def scored(path, overall, **more):
    head = {"source": str(path), "status": "ok", "error": None, "duration_s": 1.0, "hash": "new"}
    return head | {"score_overall": overall, "score_snr_db": 20.0, **more}


def noisy(path, rate=16000, seconds=3.0):
    rng = np.random.default_rng(2)
    fmt = StreamFormat(rate)
    audio = speechlike(fmt, seconds) * 0.5 + rng.standard_normal((round(seconds * rate), 1)) * 0.02
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, rate)
    return path


def item(path):
    return SimpleNamespace(payload=(str(path), {}))


def sound_of(clip):
    data = base64.b64decode(clip["sound"].partition("base64,")[2])
    return soundfile.read(io.BytesIO(data), always_2d=True)


def test_a_folder_that_no_run_of_ours_made_is_none_of_them(tmp_path):
    assert read_dataset(tmp_path) is None
    (tmp_path / "manifest.jsonl").write_text('{"audio_filepath": "a.wav", "duration": 1.0}\n')
    assert read_dataset(tmp_path) is None


@pytest.mark.parametrize("text", ['{"source": ', "[1]\n", b"\xff\xfe"])
def test_a_manifest_that_cannot_be_read_is_told(tmp_path, text):
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UnreadableError, match=r"manifest\.jsonl.*audiokit process again"):
        read_dataset(tmp_path)


def test_recordings_sources_and_failures_are_read_back(tmp_path):
    source = tmp_path / "in" / "a.wav"
    source.parent.mkdir()
    source.touch()
    rows = [
        made("a.flac", source),
        made("b.flac", tmp_path / "in" / "b.wav"),
        made("c.flac", source, is_gone=True),
        {"source": "x.wav", "status": "failed", "error": "x.wav: it is torn."},
    ]
    manifest(tmp_path, rows)
    dataset = read_dataset(tmp_path)
    assert [(one.name, one.is_source_here) for one in dataset.made] == [
        ("a.flac", True),
        ("b.flac", False),
    ]
    assert [found.path for found in dataset.sources()] == [
        str(tmp_path / "audio" / "a.flac"),
        str(tmp_path / "audio" / "b.flac"),
        str(source),
    ]
    assert (dataset.failures, dataset.n_missing) == ([("x.wav", "x.wav: it is torn.")], 1)


def test_before_is_the_source_now_or_as_the_run_measured_it(tmp_path):
    here = tmp_path / "a.wav"
    here.touch()
    rows = [
        made("a.flac", here, source_score_overall=1.0),
        made("b.flac", "gone.wav", source_score_overall=40.0, source_score_snr_db=9.0),
        made("c.flac", "gone too.wav"),
    ]
    manifest(tmp_path, rows)
    dataset = read_dataset(tmp_path)
    heard = [scored(one.path, 80.0) for one in dataset.made] + [scored(here, 55.0)]
    about = gather(heard, list(dataset.sources()), "ds", dataset=dataset)
    assert about.pairs("overall") == [(55.0, 80.0), (40.0, 80.0)]
    assert [one.values["change_overall"] for one in about.recordings] == [25.0, 40.0, None]
    assert about.befores(9) == {about.recordings[0].path: str(here)}
    said = " ".join(about.remarks)
    for told in (
        "2 sources not where the manifest says",
        "Before, 1 recording scored by the run",
        "1 recording with no score of before",
        "1 source changed since the run",
    ):
        assert told in said, told


def test_what_a_stage_says_takes_no_score_s_place(tmp_path):
    manifest(tmp_path, [made("a.flac", "a", clipping_ratio=0.5, loudness_gain_db=2.0)])
    dataset = read_dataset(tmp_path)
    heard = [scored(dataset.made[0].path, 80.0, score_clipping_ratio=0.01)]
    about = gather(heard, list(dataset.sources()), "ds", dataset=dataset)
    values = about.recordings[0].values
    assert (values["clipping_ratio"], values["loudness_gain_db"]) == (0.01, 2.0)


def test_stages_are_told_in_their_order_whoever_met_them(tmp_path):
    rows = [
        made("a.flac", "a", denoise_mean_reduction_db=3.0, loudness_mode="linear"),
        made("b.flac", "b", channels_cancellation_db=1.0, denoise_mean_reduction_db=5.0,
             denoise_2_mean_reduction_db=0.5, loudness_mode="limited"),
    ]  # fmt: skip
    manifest(tmp_path, rows)
    facts = stage_facts(read_dataset(tmp_path).made)
    assert [fact.stage for fact in facts] == ["channels", "denoise", "denoise_2", "loudness"]
    assert facts[1].spread == (3.0, 4.0, 5.0)
    assert facts[3].words == {"limited": 1, "linear": 1}


def test_the_stretch_is_where_most_is_heard_and_the_same_on_both_sides(tmp_path):
    rate = 16000
    time_s = np.arange(8 * rate) / rate
    audio = 1e-4 * np.sin(2 * np.pi * 300 * time_s)
    audio[5 * rate : 7 * rate] *= 2000
    for name, gain in (("after.wav", 1.0), ("before.wav", 0.5)):
        soundfile.write(tmp_path / name, audio * gain, rate, "FLOAT")
    befores = {str(tmp_path / "after.wav"): str(tmp_path / "before.wav")}
    clips = ExcerptJob(2.0, befores)(item(tmp_path / "after.wav"))
    assert [clips[side]["start_s"] for side in ("before", "after")] == [5.0, 5.0]
    after, before = (sound_of(clips[side])[0][:, 0] for side in ("after", "before"))
    assert len(after) == len(before) == 2 * rate
    # Vorbis: as loud, if not the same.
    ratio = np.sqrt(np.mean(after[4000:-4000] ** 2) / np.mean(before[4000:-4000] ** 2))
    assert ratio == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize(
    ("rate", "channels", "heard_rate", "heard_channels"),
    [(8000, 1, 8000, 1), (48000, 2, 48000, 2), (96000, 6, 48000, 1)],
)
def test_a_stretch_keeps_the_band_and_two_channels(
    tmp_path, rate, channels, heard_rate, heard_channels
):
    soundfile.write(tmp_path / "a.wav", np.zeros((rate // 2, channels)), rate)
    clip = ExcerptJob(10.0, {})(item(tmp_path / "a.wav"))["after"]
    heard, got_rate = sound_of(clip)
    assert (got_rate, heard.shape[1], clip["length_s"]) == (heard_rate, heard_channels, 0.5)


def test_a_stretch_is_small(tmp_path):
    clip = ExcerptJob(10.0, {})(item(noisy(tmp_path / "a.wav", 48000, 12.0)))["after"]
    assert len(clip["sound"]) < 120_000
    assert len(clip["picture"]) < 40_000
    assert ExcerptJob(0.0, {})(item(tmp_path / "a.wav"))["after"]["sound"] is None


def dataset_of(folder, source, tables):
    """Process a recording with a recipe, and read back what is left."""
    recipe = make_recipe("mine", tables)
    job = ProcessJob(recipe, Limits(), out=folder)
    row = job(SimpleNamespace(payload=(str(source), {"audio": "audio/a.wav"})))
    manifest(folder, [{"source": str(source), "status": "ok", "error": None} | row])
    return read_dataset(folder), recipe


def scores_of(path):
    return {"source": str(path), "status": "ok"} | ProcessJob(SCORE, Limits(), out=None)(
        item(path)
    )


def test_the_scores_behind_each_stage_are_those_of_its_sound(tmp_path, samples):
    source = samples / "white_noise_de.wav"
    stages = [{"use": "highpass"}, {"use": "denoise"}, {"use": "peak", "peak_dbfs": -3.0}]
    write = {"audio": {"bit_depth": "float"}}
    dataset, recipe = dataset_of(tmp_path, source, {"stage": stages, "write": write})
    path = dataset.made[0].path
    row = ShownJob(ExcerptJob(1.0, {path: str(source)}), recipe)(item(path))
    assert [step["stage"] for step in row["steps"]] == ["highpass", "denoise"]
    assert row["last_stage"] == "peak"
    for number, step in enumerate(row["steps"], 1):
        part = tmp_path / str(number)
        dataset_of(part, source, {"stage": stages[:number], "write": write})
        heard = scores_of(part / "audio" / "a.wav")
        assert step["overall"] == pytest.approx(heard["score_overall"], abs=0.2)
        assert step["snr_db"] == pytest.approx(heard["score_snr_db"], abs=0.05)
    rows = [scores_of(found.path) for found in dataset.sources()]
    about = gather(rows, list(dataset.sources()), "ds", dataset=dataset)
    page = report_page(about, {path: {"status": "ok"} | row}, ReportSettings())
    behind = page[page.index("Behind") :]
    places = [behind.index(f">{word}<") for word in ("source", "highpass", "denoise", "peak")]
    assert places == sorted(places)
    assert page.count("<audio") == 2


def test_a_folder_without_scores_has_a_page_too(tmp_path, elements):
    manifest(tmp_path, [made("a.flac", "a", loudness_gain_db=2.0)])
    dataset = read_dataset(tmp_path)
    heard = [scored(dataset.made[0].path, None, score_reason="silence", score_snr_db=None)]
    about = gather(heard, list(dataset.sources()), "ds", dataset=dataset)
    page = report_page(about, {}, ReportSettings())
    elements(re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL))
    assert "No source has a score" in page


def test_a_recipe_is_taken_only_if_it_made_the_folder(tmp_path):
    toml = '[[stage]]\nuse = "highpass"\n[write.audio]\n'
    (tmp_path / "mine.toml").write_text(toml)
    (tmp_path / "other.toml").write_text(toml.replace("[write", "cutoff_hz = 200\n[write"))
    tables = {"stage": [{"use": "highpass"}], "write": {"audio": {}}}
    dataset, recipe = dataset_of(tmp_path / "ds", noisy(tmp_path / "a.wav"), tables)
    found, why = recipe_of(dataset, str(tmp_path / "mine.toml"), {})
    assert (found.fingerprint(), why) == (recipe.fingerprint(), "")
    assert recipe_of(dataset, str(tmp_path / "other.toml"), {})[0] is None
    found, why = recipe_of(dataset, None, {})
    assert found is None
    assert "--recipe" in why
    with pytest.raises(SettingError, match="recipe"):
        recipe_of(dataset, "nobody", {})
