"""What the documents promise exists: pages, headings, commands, options, stages, errors."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
from itertools import groupby
from pathlib import Path

import pytest

from audiokit import errors
from audiokit.cli.app import COMMANDS, load_command
from audiokit.recipe import SHIPPED
from audiokit.registry import STAGES, WRITES

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md")) + [
    ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
]
SETUPS = {
    (
        "python3 -m venv .venv && .venv/bin/pip install -q . "
        "&& .venv/bin/audiokit process samples -o out"
    ),
    "python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/python -m pytest",
}
SHELL_WORDS = {"|", "&&", ";", "<", ">"}

each_page = pytest.mark.parametrize(
    "page", PAGES, ids=[page.relative_to(ROOT).as_posix() for page in PAGES]
)


def fenced(page, language):
    """Return the code blocks of a page in one language."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, block in blocks]


def console_lines(page):
    """Return what the page tells people to type."""
    lines = "\n".join(fenced(page, "console")).splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def audiokit_calls(line):
    """Yield the arguments of each call of audiokit in a command line."""
    words = shlex.split(line)
    for is_break, group in groupby(words, lambda word: word in SHELL_WORDS):
        call = list(group)
        if not is_break and Path(call[0]).name == "audiokit":
            yield call[1:]


def heading_anchors(page):
    """Return the anchors of a page's headings, as Markdown tools make them."""
    prose = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ +(.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@each_page
def test_every_relative_link_leads_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        goal = (page.parent / name).resolve() if name else page
        assert goal.exists(), target
        assert not anchor or anchor in heading_anchors(goal), target


@each_page
def test_every_call_of_audiokit_uses_a_command_and_options_that_exist(page):
    for line in console_lines(page):
        for call in audiokit_calls(line):
            if call[0].startswith("-"):
                assert call[0] in {"--help", "--version"}, line
                continue
            assert call[0] in COMMANDS, line
            known = {name for item in load_command(call[0]).params for name in item.opts}
            used = {word.partition("=")[0] for word in call[1:] if re.match(r"--?[a-z]", word)}
            assert used <= known | {"--help"}, line


def test_the_unit_file_starts_a_command_with_options_that_exist():
    text = (DOCS / "howto" / "audiokit-stream.service").read_text(encoding="utf-8")
    start = re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)[1]
    ((command, *words),) = audiokit_calls(start)
    known = {name for item in load_command(command).params for name in item.opts}
    assert {word for word in words if word.startswith("--")} <= known


@each_page
def test_every_set_up_line_is_one_of_the_two(page):
    assert [line for line in console_lines(page) if "-m venv" in line and line not in SETUPS] == []


def test_ci_runs_the_test_command_as_it_is_documented():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    documented = [line for line in console_lines(ROOT / "CONTRIBUTING.md") if "-m venv" in line]
    assert len(documented) == 1
    assert documented[0] in script


@each_page
def test_every_python_example_compiles(page):
    for source in fenced(page, "python"):
        compile(source, str(page), "exec")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_shown_at_work(command):
    shown = {
        call[0] for page in PAGES for line in console_lines(page) for call in audiokit_calls(line)
    }
    assert command in shown
    # What lists and shows has its place in the reference; what does has a page.
    assert (DOCS / "howto" / f"{command}.md").is_file() or command in {"recipes", "config"}


def test_the_command_line_page_is_fresh():
    script = DOCS / "make_cli_reference.py"
    done = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_stage_recipe_and_result_is_in_the_recipes_page():
    text = (DOCS / "reference" / "recipes.md").read_text(encoding="utf-8")
    names = [*STAGES, *(path.stem for path in SHIPPED.glob("*.toml"))]
    names += [f"[write.{what}]" for what in WRITES]
    assert [name for name in names if f"| `{name}` |" not in text] == []


def test_every_error_and_exit_code_is_in_the_exit_codes_page():
    text = (DOCS / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    classes = [getattr(errors, name) for name in errors.__all__]
    classes = [item for item in classes if isinstance(item, type)]
    leaves = [item for item in classes if issubclass(item, errors.ItemError)]
    leaves = [item.__name__ for item in leaves if not item.__subclasses__()]
    assert [name for name in leaves if f"`{name}`" not in text] == []
    codes = {item.exit_code for item in classes}
    assert [code for code in codes if f"| {code} |" not in text] == []
