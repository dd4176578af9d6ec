"""Finding sources: files, folders, patterns, lists and URLs."""

from __future__ import annotations

import importlib.util
import io
import json
import os
from pathlib import Path

import pytest

from audiokit.errors import MissingExtraError, NothingToDoError, UnreadableError
from audiokit.files.find import find_sources
from audiokit.files.remote import open_remote
from audiokit.files.walk import is_within

needs_fsspec = pytest.mark.skipif(
    importlib.util.find_spec("fsspec") is None, reason="fsspec is not installed"
)


def make(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def places(*inputs, **options):
    return [str(source.relative) for source in find_sources([str(i) for i in inputs], **options)]


@pytest.fixture
def takes(tmp_path):
    return make(tmp_path / "takes", "b.wav", "a/2.FLAC", "a/10.mp3", "a/notes.txt", "a/b/c.opus")


def test_a_folder_is_searched_in_order_part_by_part(takes):
    make(takes, "a b/x.wav", "a.wav")
    expected = ["a/10.mp3", "a/2.FLAC", "a/b/c.opus", "a b/x.wav", "a.wav", "b.wav"]
    assert places(takes) == sorted(expected, key=lambda place: place.split("/"))


def test_paths_open_from_where_the_user_stands(takes, monkeypatch):
    monkeypatch.chdir(takes.parent)
    sources = list(find_sources(["takes"]))
    assert sources[0].path == "takes/a/10.mp3"
    assert all(Path(source.path).is_file() for source in sources)


def test_every_real_container_is_known_by_its_name(recordings):
    folder = recordings / "hostile"
    assert len(places(folder)) == sum(1 for path in folder.iterdir() if path.is_file())


def test_hidden_and_unfinished_files_are_left_out(takes):
    make(takes, ".hidden.wav", ".cache/x.wav", ".b.wav.3f.part", "x.wav.part")
    assert places(takes) == ["a/10.mp3", "a/2.FLAC", "a/b/c.opus", "b.wav"]


def test_a_loop_of_links_is_survived_and_each_folder_walked_once(takes):
    (takes / "a" / "loop").symlink_to(takes, target_is_directory=True)
    (takes / "self").symlink_to(takes / "self")
    make(takes.parent, "elsewhere/far.wav")
    (takes / "link").symlink_to(takes.parent / "elsewhere", target_is_directory=True)
    assert places(takes) == ["a/10.mp3", "a/2.FLAC", "a/b/c.opus", "b.wav", "link/far.wav"]
    assert places(takes / "**" / "*.mp3") == ["a/10.mp3"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_closed_folder_does_not_hide_the_others(takes):
    (takes / "a").chmod(0)
    try:
        assert places(takes) == ["b.wav"]
    finally:
        (takes / "a").chmod(0o700)


def test_a_file_is_taken_whatever_it_is_called(takes):
    assert places(takes / "a" / "notes.txt") == ["notes.txt"]


def test_a_name_with_wildcards_in_it_is_a_name(tmp_path):
    make(tmp_path, "take[1].wav", "take1.wav")
    assert places(tmp_path / "take[1].wav") == ["take[1].wav"]


def test_several_inputs_get_a_folder_each(takes):
    other = make(takes.parent / "other" / "takes", "a/2.wav")
    single = make(takes.parent, "lone.wav") / "lone.wav"
    assert places(takes / "a", takes, other, single) == [
        "a/10.mp3",
        "a/2.FLAC",
        "a/b/c.opus",
        "takes/b.wav",
        "takes-2/a/2.wav",
        "lone.wav",
    ]


def test_single_files_of_one_name_are_numbered(takes):
    make(takes, "x/b.wav", "y/B.wav")
    found = places(takes / "b.wav", takes / "x/b.wav", takes / "y/B.wav", takes / "b.wav")
    assert found == ["b.wav", "b-2.wav", "B-3.wav"]


def test_what_is_met_twice_is_taken_once(takes):
    spelled = takes / "a" / ".." / "b.wav"
    assert places(takes, takes / "b.wav", spelled) == [
        "takes/a/10.mp3",
        "takes/a/2.FLAC",
        "takes/a/b/c.opus",
        "takes/b.wav",
    ]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.wav", ["b.wav"]),
        ("**/*.mp3", ["a/10.mp3"]),
        ("**/*", ["a/10.mp3", "a/2.FLAC", "a/b/c.opus", "b.wav"]),
        ("**", ["a/10.mp3", "a/2.FLAC", "a/b/c.opus", "b.wav"]),
        ("[ab]/?.FLAC", ["a/2.FLAC"]),
        ("*/*.txt", ["a/notes.txt"]),
        ("a*", ["a/10.mp3", "a/2.FLAC", "a/b/c.opus"]),
        ("**/b/**/*.opus", ["a/b/c.opus"]),
    ],
)
def test_a_quoted_pattern_matches_as_in_a_shell(takes, pattern, expected):
    assert places(takes / pattern) == expected


def test_a_pattern_without_a_folder_starts_here(takes, monkeypatch):
    monkeypatch.chdir(takes)
    assert [source.path for source in find_sources(["*/2.*"])] == ["./a/2.FLAC"]


def test_include_takes_these_names_and_no_others(takes):
    assert places(takes, include=["*.txt", "a/b/*"]) == ["a/b/c.opus", "a/notes.txt"]


def test_the_output_folder_is_left_out(takes):
    make(takes, "out/audio/b.wav")
    assert places(takes, exclude=takes / "out")[-1] == "b.wav"
    assert "out/audio/b.wav" not in places(takes / "**" / "*.wav", exclude=takes / "out")
    assert "out/audio/b.wav" in places(takes, exclude=takes / "absent")
    with pytest.raises(NothingToDoError, match="--out"):
        find_sources([str(takes / "out")], exclude=takes / "out")


def test_a_list_keeps_the_paths_it_gives(takes, monkeypatch):
    listed = takes / "list.txt"
    listed.write_text(f"a/2.FLAC\n\n{takes}/b.wav\r\n../gone.wav\nb.wav\n", encoding="utf-8")
    monkeypatch.chdir(takes)
    inside = str(takes).lstrip("/")
    # The last line is the second again, spelled differently.
    assert places(f"@{listed}") == ["a/2.FLAC", f"{inside}/b.wav", "gone.wav"]


def test_a_list_is_read_from_where_it_lies_when_nothing_is_here(takes):
    (takes / "list.txt").write_text("a/2.FLAC\n", encoding="utf-8")
    [source] = find_sources([f"@{takes}/list.txt"])
    assert Path(source.path) == takes / "a/2.FLAC"


def test_manifests_name_their_audio_under_the_usual_keys(tmp_path):
    rows = [
        {"source": "1.wav"},
        {"audio": "2.wav"},
        {"audio_filepath": "3.wav"},
        {"audio": {"path": "4.wav", "array": None}},
    ]
    listed = tmp_path / "m.jsonl"
    listed.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert places(f"@{listed}") == ["1.wav", "2.wav", "3.wav", "4.wav"]


@pytest.mark.parametrize("line", ['{"text": "hello"}', '{"audio": ', '{"audio": ""}'])
def test_a_line_that_names_nothing_is_named(tmp_path, line):
    (tmp_path / "m.jsonl").write_text('{"audio": "1.wav"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(UnreadableError, match=r"m\.jsonl, line 2"):
        list(find_sources([f"@{tmp_path}/m.jsonl"]))


def test_the_list_on_standard_input_is_taken_line_by_line():
    def endless():
        yield "first.wav\n"
        yield "second.wav\n"
        pytest.fail("a third line was read before it was asked for")

    sources = find_sources(["@-"], list_stream=endless())
    assert [str(next(sources).relative) for _ in range(2)] == ["first.wav", "second.wav"]


def test_a_stream_on_standard_input_is_one_source():
    assert [source.path for source in find_sources(["-"])] == ["-"]


def test_bytes_that_are_no_text_survive_in_a_name(tmp_path):
    name = b"caf\xe9.wav"
    (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    [source] = find_sources([str(tmp_path)])
    assert os.fsencode(source.path).endswith(name)


@pytest.mark.parametrize("named", ["gone", "gone/*.wav", "@gone.txt", "@-", "empty"])
def test_an_input_with_nothing_to_take_is_named_before_work_starts(takes, named, monkeypatch):
    (takes / "empty").mkdir()
    monkeypatch.chdir(takes)
    with pytest.raises(NothingToDoError, match=named.replace("*", r"\*")):
        find_sources(["b.wav", named], list_stream=io.StringIO() if named != "@-" else None)


def test_no_input_at_all_is_nothing_to_do():
    with pytest.raises(NothingToDoError):
        find_sources([])


def test_a_path_is_within_a_folder_through_links_too(takes):
    (takes.parent / "alias").symlink_to(takes, target_is_directory=True)
    assert is_within(takes.parent / "alias" / "a", takes)
    assert not is_within(takes.parent, takes)


@pytest.mark.skipif(importlib.util.find_spec("fsspec") is not None, reason="fsspec is installed")
def test_a_url_without_fsspec_names_the_extra():
    with pytest.raises(MissingExtraError, match=r"audiokit\[cluster\]"):
        find_sources(["s3://bucket/take.wav"])


@pytest.fixture
def memory():
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    for name in ("/set/b.wav", "/set/a/2.flac", "/set/a/notes.txt"):
        system.pipe(name, name.encode())
    yield system
    system.store.clear()


@pytest.mark.usefixtures("memory")
def test_a_url_is_a_file_a_folder_or_a_pattern():
    assert places("memory://set/b.wav") == ["b.wav"]
    assert places("memory://set") == ["a/2.flac", "b.wav"]
    assert places("memory://set/*/*.flac") == ["a/2.flac"]
    assert places("memory://set", "memory://set/a/notes.txt") == [
        "set/a/2.flac",
        "set/b.wav",
        "notes.txt",
    ]


@pytest.mark.usefixtures("memory")
def test_what_is_found_elsewhere_opens_elsewhere():
    for source in find_sources(["memory://set"]):
        with open_remote(source.path) as file:
            assert file.read().decode() == f"/set/{source.relative}"


@needs_fsspec
@pytest.mark.parametrize("url", ["memory://gone/take.wav", "nosuch://x/take.wav"])
def test_what_cannot_be_opened_elsewhere_is_unreadable(url):
    with pytest.raises(UnreadableError, match=r"take\.wav"):
        open_remote(url)


@needs_fsspec
def test_a_protocol_that_needs_more_names_the_extra():
    if importlib.util.find_spec("s3fs") is not None:
        pytest.skip("s3fs is installed")
    with pytest.raises(MissingExtraError, match="s3://"):
        open_remote("s3://bucket/take.wav")
