"""Tables: NumPy archives and Parquet, whole or not at all, the same bytes every time."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from audiokit.errors import BlockError, ItemError, SettingError
from audiokit.files.npz import NpzWriter
from audiokit.files.parquet import ParquetTable, parquet_from_json_lines

MEL = np.random.default_rng(0).standard_normal((5000, 80)).astype(np.float32)
SCHEMA = {
    "source": "string",
    "n_samples": "int",
    "duration_s": "float",
    "is_clipped": "bool",
    "warnings": "list<string>",
}
ROWS = [
    {
        "source": f"take-{n}.wav",
        "n_samples": n,
        "duration_s": n / 7,
        "is_clipped": n % 2 == 0,
        "warnings": ["late"] * (n % 3),
    }
    for n in range(9000)
]


def write_npz(target, cuts):
    with NpzWriter(target) as archive:
        archive.set("names", np.array(["mel"] * 80))
        archive.set("hop_s", np.array(0.01))
        for piece in np.split(MEL, cuts):
            archive.append("mel", piece)
            archive.append("n", np.full(len(piece), 7))


def append_both(target, name, rows):
    with NpzWriter(target, target.parent) as archive:
        archive.append("mel", MEL)
        archive.append(name, rows)


def write_parquet(target, rows, schema):
    lines = target.with_name("lines.jsonl")
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    try:
        parquet_from_json_lines(lines, target, schema)
    finally:
        lines.unlink()


def write_table(target, cuts):
    with ParquetTable(target, [f"mel_{n}" for n in range(8)], hop_s=0.01) as table:
        for _ in range(5):
            for piece in np.split(MEL, cuts):
                table.append(piece[:, :8])


def test_an_archive_loads_with_numpy(tmp_path):
    write_npz(tmp_path / "new" / "take.npz", [0, 1, 4000])
    with np.load(tmp_path / "new" / "take.npz") as loaded:
        assert loaded.files == ["names", "hop_s", "mel", "n"]
        np.testing.assert_array_equal(loaded["mel"], MEL)
        assert loaded["mel"].dtype == np.float32
        assert loaded["names"].tolist() == ["mel"] * 80
        assert loaded["n"].shape == (5000,)
        assert loaded["hop_s"] == 0.01


def test_no_rows_make_an_empty_array_of_the_right_shape(tmp_path):
    with NpzWriter(tmp_path / "take.npz", tmp_path) as archive:
        archive.append("mel", MEL[:0])
    with np.load(tmp_path / "take.npz") as loaded:
        assert loaded["mel"].shape == (0, 80)


@pytest.mark.parametrize("write", [write_npz, write_table])
def test_bytes_do_not_depend_on_time_or_on_how_rows_are_cut(tmp_path, write):
    write(tmp_path / "whole", [])
    write(tmp_path / "cut", [0, 7, 2500, 2501])
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "cut").read_bytes()


def test_an_archive_carries_a_fixed_date_and_no_compression(tmp_path):
    write_npz(tmp_path / "take.npz", [])
    for entry in zipfile.ZipFile(tmp_path / "take.npz").infolist():
        assert entry.date_time == (1980, 1, 1, 0, 0, 0)
        assert entry.compress_type == zipfile.ZIP_STORED


@pytest.mark.parametrize(
    "rows",
    [MEL[:, :79], MEL.astype(np.float64), MEL[0], np.array([None]), np.float32(1)],
    ids=["width", "type", "axes", "objects", "no axis"],
)
def test_rows_that_do_not_fit_are_refused_and_nothing_is_left(tmp_path, rows):
    name = "other" if rows.dtype.hasobject or rows.ndim == 0 else "mel"
    with pytest.raises(BlockError, match=name):
        append_both(tmp_path / "x.npz", name, rows)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("array", [np.array([None]), np.ones(3)], ids=["objects", "twice"])
def test_an_array_is_set_once_and_never_grows(tmp_path, array):
    archive = NpzWriter(tmp_path / "x.npz")
    archive.set("hop_s", np.ones(3))
    with pytest.raises(BlockError, match="hop_s"):
        archive.append("hop_s", np.ones(3))
    with pytest.raises(BlockError, match="for '"):
        archive.set("other" if array.dtype.hasobject else "hop_s", array)
    archive.discard()
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_the_old_file_alone(tmp_path):
    target = tmp_path / "take.parquet"
    write_parquet(target, ROWS, SCHEMA)
    before = target.read_bytes()
    with pytest.raises(BlockError), ParquetTable(target, ["a", "b"], hop_s=0.01) as table:
        table.append(MEL)
    with pytest.raises(SettingError):
        write_parquet(target, [*ROWS, {"n_samples": "3"}], SCHEMA)
    assert target.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


def test_a_manifest_loads_in_pandas(tmp_path):
    pandas = pytest.importorskip("pandas")
    write_parquet(tmp_path / "m.parquet", iter(ROWS), SCHEMA)
    table = pandas.read_parquet(tmp_path / "m.parquet")
    assert table.columns.tolist() == list(SCHEMA)
    assert table.n_samples.tolist() == list(range(9000))
    assert table.warnings[2].tolist() == ["late", "late"]
    assert table.is_clipped.dtype == bool


def test_a_manifest_has_the_same_bytes_every_time(tmp_path):
    for name in ("a", "b"):
        write_parquet(tmp_path / name, iter(ROWS), SCHEMA)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_is_missing_or_null_is_null_and_unknown_columns_are_left_out(tmp_path):
    import pyarrow.parquet as pq

    rows = [{"duration_s": None}, {"source": None}, {"unknown": 3}, {}]
    write_parquet(tmp_path / "m.parquet", rows, SCHEMA)
    table = pq.read_table(tmp_path / "m.parquet")
    assert table.num_rows == 4
    assert all(column.null_count == 4 for column in table.columns)


def test_frames_become_one_float_column_each(tmp_path):
    import pyarrow.parquet as pq

    write_table(tmp_path / "f.parquet", [])
    table = pq.read_table(tmp_path / "f.parquet")
    assert [str(field.type) for field in table.schema] == ["double", *["float"] * 8]
    np.testing.assert_allclose(table["time_s"].to_numpy(), np.arange(5 * len(MEL)) * 0.01)
    np.testing.assert_array_equal(table["mel_3"].to_numpy(), np.tile(MEL[:, 3], 5))


def test_a_table_without_frames_still_names_its_columns(tmp_path):
    import pyarrow.parquet as pq

    with ParquetTable(tmp_path / "f.parquet", ["pitch_hz"], hop_s=0.01):
        pass
    assert pq.read_table(tmp_path / "f.parquet").column_names == ["time_s", "pitch_hz"]


def test_no_rows_make_an_empty_table(tmp_path):
    import pyarrow.parquet as pq

    write_parquet(tmp_path / "m.parquet", [], SCHEMA)
    assert pq.read_table(tmp_path / "m.parquet").column_names == list(SCHEMA)


@pytest.mark.parametrize(
    ("row", "schema"),
    [
        ({"a": 1}, {"a": "complex"}),
        ({"a": "x"}, {"a": "int"}),
        ({"a": 10**30}, {"a": "int"}),
    ],
)
def test_what_does_not_fit_the_schema_is_refused(tmp_path, row, schema):
    with pytest.raises(SettingError):
        write_parquet(tmp_path / "m.parquet", [row], schema)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_npz, write_table])
def test_a_place_that_is_a_folder_is_an_item_error(tmp_path, write):
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    with pytest.raises(ItemError, match="taken"):
        write(tmp_path / "taken", [])
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
