"""Where results go, and which names would have met."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from audiokit.files.find import Source
from audiokit.files.plan import plan_outputs

KINDS = {"audio": ("audio", "flac"), "features": ("features", "npz")}


def sources(*places):
    return [Source(f"/in/{place}", PurePosixPath(place)) for place in places]


def audio_of(plan):
    return [str(planned.outputs["audio"]) for planned in plan.planned]


def test_each_kind_mirrors_the_tree():
    plan = plan_outputs(sources("a/take.wav", "b/take.two.mp3"), KINDS)
    assert [planned.outputs for planned in plan.planned] == [
        {
            "audio": PurePosixPath("audio/a/take.flac"),
            "features": PurePosixPath("features/a/take.npz"),
        },
        {
            "audio": PurePosixPath("audio/b/take.two.flac"),
            "features": PurePosixPath("features/b/take.two.npz"),
        },
    ]
    assert plan.collisions == ()
    assert len(plan.planned) == 2


def test_a_kind_without_a_folder_stands_at_the_top():
    plan = plan_outputs(sources("a/take.wav"), {"audio": ("", "wav")})
    assert audio_of(plan) == ["a/take.wav"]


def test_names_that_differ_in_the_extension_keep_it():
    given = sources("take.wav", "other.wav", "take.mp3", "b/take.wav")
    plan = plan_outputs(given, KINDS)
    assert audio_of(plan) == [
        "audio/take.wav.flac",
        "audio/other.flac",
        "audio/take.mp3.flac",
        "audio/b/take.flac",
    ]
    [collision] = plan.collisions
    assert collision.sources == (given[0], given[2])
    assert collision.places == ("take.wav", "take.mp3")
    assert str(collision).startswith("take.wav and take.mp3 would share a name")


def test_an_extension_may_follow_the_source():
    kinds = {"audio": ("", lambda suffix: "flac" if suffix == ".FLAC" else "wav")}
    plan = plan_outputs(sources("a.FLAC", "b.mp3"), kinds)
    assert audio_of(plan) == ["a.flac", "b.wav"]


def test_planned_sources_are_a_sequence():
    planned = plan_outputs(sources("a.wav", "b.wav", "b.mp3"), KINDS).planned
    assert planned[-1] == list(planned)[2] == planned[1:][1]


@pytest.mark.parametrize(
    "places",
    [
        ("Take.wav", "take.wav"),
        ("Take.wav", "take.mp3"),
        ("take.wav", "take.mp3", "take.wav.flac"),
        ("take.wav.ogg", "take.mp3", "take.wav"),
        ("take", "take.wav", "TAKE.WAV", "take.wav.wav"),
        ("A/take.wav", "a/take.wav"),
    ],
)
def test_no_two_results_ever_share_a_name_in_any_case(places):
    plan = plan_outputs(sources(*places), KINDS)
    assert len({name.casefold() for name in audio_of(plan)}) == len(places)
    assert plan.collisions


def test_the_same_sources_get_the_same_places():
    given = sources("take.wav", "take.mp3", "Take.WAV")
    assert audio_of(plan_outputs(given, KINDS)) == audio_of(plan_outputs(given, KINDS))
