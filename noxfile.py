"""Every check and every figure of the project, each by one word: ``nox -s tests``.

``nox`` alone runs what a change must pass. `bench` and `demo` run by name.
"""

from __future__ import annotations

from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "imports", "tests", "tests-live", "docs"]
nox.options.reuse_existing_virtualenvs = True
nox.needs_version = ">=2024.10"

BENCHMARKS = Path("tests", "benchmarks")
# One thread per library, as the program itself does before NumPy loads.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
HEAVY = ("av", "librosa", "numba", "pandas", "scipy", "soundfile", "soxr")
LIGHT_DOMAINS = (
    *("dsp", "denoise", "echo", "vad", "features", "quality", "loudness"),
    *("codec", "transit", "live"),
)
LIGHT_CHECK = f"""
import importlib, importlib.util, pkgutil
present = [name for name in {HEAVY!r} if importlib.util.find_spec(name)]
assert not present, f"the light set brings {{present}}"
light = ["stage", "errors", "units", "testing"]
for domain in {LIGHT_DOMAINS!r}:
    package = importlib.import_module(f"audiokit.{{domain}}")
    light.append(domain)
    light += [f"{{domain}}.{{module.name}}" for module in pkgutil.iter_modules(package.__path__)]
for name in light:
    importlib.import_module(f"audiokit.{{name}}")
print(f"{{len(light)}} modules import with the light set alone")
"""


@nox.session
def lint(session: nox.Session) -> None:
    """Style, by ruff."""
    session.install("ruff>=0.9")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Types, by mypy in strict mode."""
    session.install("-e", ".[dev]")
    session.run("mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """The arrows between packages, by import-linter."""
    session.install("-e", ".[dev]")
    session.run("lint-imports")


@nox.session(python=["3.10", "3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """All tests; words behind ``--`` go to pytest."""
    session.install("-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session(name="tests-live")
def tests_live(session: nox.Session) -> None:
    """The live path with its light set alone: imports, the contract of its stages, the wire."""
    session.install("-r", "docs/requirements-live.txt", "pytest>=8", "hypothesis>=6.100")
    session.install("--no-deps", "-e", ".")
    session.run("python", "-c", LIGHT_CHECK)
    # What adapts a heavy package never runs live.
    offline = "not resampl and not noisereduce and not librosa"
    session.run("pytest", "tests/contract", "-k", offline, env=ONE_THREAD)
    session.run("pytest", "tests/live", env=ONE_THREAD)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation: generated pages fresh, links and commands right, site built."""
    session.install("-e", ".[docs,dev]")
    session.run("python", "docs/make_cli_reference.py")
    session.run("pytest", "tests/test_docs.py", "-q")
    session.run("mkdocs", "build", "--strict", "-f", "docs/mkdocs/mkdocs.yml")


@nox.session
def bench(session: nox.Session) -> None:
    """Every benchmark beside its peer, or those named behind ``--``: ``-- startup``."""
    session.install("-e", ".[bench]")
    for script in sorted(BENCHMARKS.glob("bench_*.py")):
        if not session.posargs or script.stem.removeprefix("bench_") in session.posargs:
            session.run("python", str(script), env=ONE_THREAD)


@nox.session(name="train-denoiser")
def train_denoiser(session: nox.Session) -> None:
    """Train the mask network; behind ``--``: the folder of recordings and what else to set."""
    session.install("-e", ".[training]")
    session.run("python", "-m", "audiokit.training.denoiser", *session.posargs, env=ONE_THREAD)


@nox.session(name="train-quality")
def train_quality(session: nox.Session) -> None:
    """Train and calibrate the judge of quality; behind ``--``: the recordings, ``--scratch``."""
    session.install("-e", ".[training,quality]", "speechmos")
    session.run("python", "-m", "audiokit.training.judge", *session.posargs, env=ONE_THREAD)


@nox.session
def demo(session: nox.Session) -> None:
    """The main job on the project's own clips, as the README's first command does it."""
    session.install(".")
    session.run("audiokit", "process", "samples", "-o", "out", *session.posargs)
