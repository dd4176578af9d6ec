"""Every public name is documented, every file and body short, and names say something."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import audiokit

ROOT = Path(audiokit.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
FOUND = {module.name for module in pkgutil.walk_packages(audiokit.__path__, "audiokit.")}
MODULES = ["audiokit", *sorted(FOUND)]
WITHOUT_A_NAME = {"utils", "util", "helpers", "common", "misc", "manager", "core"}

each_module = pytest.mark.parametrize("name", MODULES)
each_file = pytest.mark.parametrize(
    "path", FILES, ids=[path.relative_to(ROOT).as_posix() for path in FILES]
)


def public_members(owner, module_name):
    """Yield the public classes and functions that are defined here, and their methods."""
    for name, value in vars(owner).items():
        if name.startswith("_"):
            continue
        member = inspect.unwrap(value) if callable(value) else value
        if inspect.isclass(member) and member.__module__ == module_name:
            yield f"{owner.__name__}.{name}", member, owner
            yield from public_members(member, module_name)
        elif inspect.isroutine(member) or isinstance(member, property):
            home = getattr(getattr(member, "fget", member), "__module__", None)
            if home == module_name:
                yield f"{owner.__name__}.{name}", member, owner


def is_documented(name, member, owner):
    """Say whether it, or what it overrides, has a docstring of its own."""
    if inspect.isclass(member):
        # A dataclass without one gets its signature, which tells nothing new.
        own = member.__doc__ or ""
        return bool(own) and not own.startswith(f"{member.__name__}(")
    if not inspect.isclass(owner):
        return bool(inspect.getdoc(member))
    # Looked up through the class, an override inherits its docstring.
    return bool(inspect.getdoc(getattr(owner, name.rpartition(".")[2])))


def bodies(tree):
    """Yield each function and how many lines its body takes, docstring aside."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node) else node.body
        yield node, body[-1].end_lineno - body[0].lineno + 1 if body else 0


@each_module
def test_every_module_says_what_it_is_for(name):
    assert inspect.getdoc(importlib.import_module(name))


@each_module
def test_every_public_class_function_and_method_has_a_docstring(name):
    module = importlib.import_module(name)
    bare = [
        member_name
        for member_name, member, owner in public_members(module, name)
        if not is_documented(member_name, member, owner)
    ]
    assert not bare


@each_module
def test_every_exported_name_exists_and_is_listed_once(name):
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    assert [word for word in exported if not hasattr(module, word)] == []
    assert len(set(exported)) == len(exported)


@each_file
def test_no_file_is_longer_than_400_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@each_file
def test_no_body_is_longer_than_60_lines(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [node.name for node, n_lines in bodies(tree) if n_lines > 60] == []


@each_file
def test_every_file_and_folder_has_a_name_of_its_own(path):
    parts = path.relative_to(ROOT).parts
    assert not WITHOUT_A_NAME & {part.removesuffix(".py") for part in parts}
