"""Gates, baselines, and the files in which CI servers read of them."""

from __future__ import annotations

import json

import pytest
from junitparser import Error, Failure, JUnitXml

from audiokit.errors import SettingError
from audiokit.jobs.annotations import github_annotation
from audiokit.jobs.baseline import read_baseline
from audiokit.jobs.gates import Fault, Gates, GateSettings, Verdict, parse_limits
from audiokit.jobs.junit import junit_xml, write_junit
from audiokit.jobs.score import score_columns
from audiokit.recipe import make_recipe

SCHEMA = "audiokit.score/1"
COLUMNS = (
    *("score_overall", "score_snr_db", "score_clipping_ratio", "score_processed"),
    "score_speech_probability",
)


def gates(baseline=None, **settings):
    return Gates(GateSettings(**settings), columns=COLUMNS, prefix="score_", baseline=baseline)


def row(source="a.wav", **scores):
    return {"source": source, "status": "ok"} | {f"score_{n}": v for n, v in scores.items()}


@pytest.fixture
def baseline(tmp_path):
    def write(*rows, **more):
        path = tmp_path / "scores.json"
        path.write_text(json.dumps({"schema": SCHEMA, "rows": list(rows), **more}))
        return path

    return write


def test_limits_are_read_by_name():
    assert parse_limits("fail_under", "overall=60, snr_db=-1.5e1") == {
        "overall": 60.0,
        "snr_db": -15.0,
    }
    assert parse_limits("max_drop", "2,snr_db=3", alone="overall") == {
        "overall": 2.0,
        "snr_db": 3.0,
    }


@pytest.mark.parametrize(
    "text", ["overall=abc", "overall=nan", "overall=inf", "60", "=60", "overall=", "", "overall"]
)
def test_what_is_no_limit_is_refused(text):
    with pytest.raises(SettingError, match="expected NAME=NUMBER"):
        parse_limits("fail_under", text)


def test_name_given_twice_is_refused():
    with pytest.raises(SettingError, match="expected overall once"):
        parse_limits("fail_under", "overall=60,overall=70")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"fail_under": {"overal": 60}}, "Did you mean overall?"),
        ({"fail_under": {"grade": 60}}, "expected a column of numbers"),
        ({"fail_under": {"overall": 160}}, "expected 0 to 100 for overall"),
        ({"fail_over": {"clipping_ratio": 5}}, "expected 0 to 1 for clipping_ratio"),
        ({"fail_under": {"speech_probability": 3}}, "expected 0 to 1 for speech_probability"),
        ({"fail_under": {"overall": 1, "score_overall": 9}}, "expected overall once"),
        ({"max_drop": {"overall": -1}}, "expected 0 or more"),
        ({"max_drop": {"overall": 1}}, "baseline is None, expected a file beside --max-drop"),
    ],
)
def test_gate_that_cannot_be_is_refused_before_any_row(settings, sentence):
    with pytest.raises(SettingError) as error:
        gates(**settings)
    assert sentence in str(error.value)


def test_value_at_its_limit_meets_the_gate():
    both = gates(fail_under={"overall": 60.0}, fail_over={"clipping_ratio": 0.001})
    assert both.judge(row(overall=60.0, clipping_ratio=0.001)).is_met
    verdict = both.judge(row(overall=59.9, clipping_ratio=0.0011))
    assert verdict.sentence() == (
        "overall is 59.9, expected 60 or more; clipping_ratio is 0.0011, expected 0.001 or less"
    )
    assert [fault.gate for fault in verdict.faults] == ["fail_under", "fail_over"]


def test_fact_counts_as_nought_or_one():
    unprocessed = gates(fail_over={"score_processed": 0.0})
    assert unprocessed.judge(row(processed=False)).is_met
    assert not unprocessed.judge(row(processed=True)).is_met


@pytest.mark.parametrize("value", [None, float("nan"), "A"])
def test_value_that_is_not_there_fails_unless_allowed(value):
    silent = row(overall=value, reason="silence")
    verdict = gates(fail_under={"overall": 60.0}).judge(silent)
    assert verdict.sentence() == "overall has no value (silence), expected 60 or more"
    allowing = gates(fail_under={"overall": 60.0}, is_missing_allowed=True)
    assert allowing.judge(silent).is_met


def test_file_that_could_not_be_read_is_an_error_and_no_failure():
    failed = {"source": "b.wav", "status": "failed", "error": "b.wav: is not audio."}
    verdict = gates(fail_under={"overall": 60.0}).judge(failed)
    assert (verdict.error, verdict.faults, verdict.is_met) == ("b.wav: is not audio.", (), False)


def test_drop_is_counted_from_the_baseline(baseline):
    path = baseline(row("./x/a.wav", overall=80.3), row("b.wav", overall=None))
    falling = gates(read_baseline(path, SCHEMA), max_drop={"overall": 2.0})
    # 80.3 - 78.3 is a little more than 2 in binary.
    assert falling.judge(row("x/a.wav", overall=78.3)).is_met
    assert falling.judge(row("x/a.wav", overall=78.2)).sentence() == (
        "overall fell from 80.3 to 78.2, expected to fall by 2 at most"
    )
    assert falling.judge(row("x/a.wav", overall=99.0)).is_met
    assert not falling.judge(row("x/a.wav", overall=None)).is_met
    # Nothing to fall from: without a value then, or not there then.
    assert falling.judge(row("b.wav", overall=1.0)).is_met
    assert falling.judge(row("new.wav", overall=1.0)).is_met


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "a file to read"),
        (b"", "a JSON file"),
        (b"\xff\xfe", "a JSON file"),
        (b"[" * 100_000, "a JSON file"),
        (b'{"schema": "audiokit.score/1", "rows": [{"source": "a", "x": NaN}]}', "a JSON file"),
        (b"[]", "rows of audiokit.score/1"),
        (b'{"schema": "audiokit.info/1", "rows": []}', "rows of audiokit.score/1"),
        (b'{"schema": "audiokit.score/1", "rows": {}}', "rows of audiokit.score/1"),
        (b'{"schema": "audiokit.score/1", "rows": []}', "it holds nothing"),
        (b'{"schema": "audiokit.score/1", "rows": [3]}', "rows that name their source"),
        (b'{"schema": "audiokit.score/1", "rows": [{"x": 1}]}', "rows that name their source"),
        (
            b'{"schema": "audiokit.score/1", "rows": [{"source": "a"}, {"source": "./a"}]}',
            "one row of ./a",
        ),
    ],
)
def test_odd_baseline_gives_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "scores.json"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(SettingError) as error:
        read_baseline(path, SCHEMA)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_baseline_without_the_column_or_any_of_the_files_is_refused(baseline):
    found = read_baseline(baseline(row("a.wav", overall=80)), SCHEMA)
    with pytest.raises(SettingError, match="expected a value of score_snr_db"):
        gates(found, max_drop={"snr_db": 2.0})
    with pytest.raises(SettingError, match=r"It names a\.wav"):
        found.check_sources(["b.wav"], ["score_overall"])
    assert found.check_sources(["./a.wav", "b.wav"], ["score_overall"]) == (1, 0)


def test_baseline_that_has_no_value_of_any_file_that_is_given_gates_nothing_and_is_refused(
    baseline,
):
    path = baseline(row("a.wav", overall=None, snr_db=9.0), row("gone.wav", overall=80))
    found = read_baseline(path, SCHEMA)
    with pytest.raises(SettingError, match="a value of score_overall for a file that is given"):
        found.check_sources(["a.wav"], ["score_overall"])
    assert found.check_sources(["a.wav"], ["score_overall", "score_snr_db"]) == (0, 1)


def test_every_score_that_is_a_number_can_be_gated_and_no_word_can():
    columns = score_columns(make_recipe("score", {"write": {"scores": {}}}))
    assert {"score_overall", "score_snr_db", "score_clipping_ratio"} <= set(columns)
    assert not {"score_grade", "score_worst", "score_reason"} & set(columns)


ODD = 'odd & <"name">\n\x07.wav'
VERDICTS = [
    Verdict("takes/a.wav", None, ()),
    Verdict(
        ODD,
        None,
        (Fault("fail_under", "overall is 1 < 2"), Fault("max_drop", "snr_db fell")),
    ),
    Verdict("b.wav", "b.wav: is not audio.", ()),
]


def test_junit_is_read_by_another_program(tmp_path):
    write_junit(tmp_path / "deep" / "gates.xml", VERDICTS, name="audiokit score")
    (suite,) = JUnitXml.fromfile(str(tmp_path / "deep" / "gates.xml"))
    assert (suite.name, suite.tests, suite.failures, suite.errors) == ("audiokit score", 3, 1, 1)
    passed, failed, broken = suite
    assert (passed.name, passed.classname, passed.is_passed) == ("takes/a.wav", "takes", True)
    assert failed.name == ODD.replace("\x07", "\\x07")
    (failure,) = failed.result
    assert isinstance(failure, Failure)
    assert (failure.message, failure.type) == (
        "overall is 1 < 2; snr_db fell",
        "fail_under,max_drop",
    )
    (error,) = broken.result
    assert isinstance(error, Error)
    assert error.message == "b.wav: is not audio."


def test_junit_of_the_same_verdicts_is_the_same_bytes():
    assert junit_xml(VERDICTS, name="x") == junit_xml(list(VERDICTS), name="x")


def test_annotation_escapes_what_github_would_take_for_syntax():
    verdict = Verdict("a,b:c%\r\n.wav", None, (Fault("fail_under", "50 %: low,\nvery"),))
    assert github_annotation(verdict, title="x: y") == (
        "::error file=a%2Cb%3Ac%25%0D%0A.wav,title=x%3A y::50 %25: low,%0Avery"
    )
