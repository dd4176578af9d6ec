"""The program: ``audiokit`` and ``python -m audiokit``."""

from __future__ import annotations

import os
import sys

# Before NumPy loads anywhere, workers included: two BLAS threads on blocks of a few
# hundred samples cost several times what they save.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
# For the workers, where glibc reads it at their start: it would give the memory of each
# group of frames back to the system and fetch it anew page by page, which costs as much
# as the transforms.
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(4 << 20))
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(8 << 20))


def main() -> None:
    """Run the command line; the process ends with a documented exit code."""
    if sys.argv[1:] == ["--version"] and sys.stdout is not None:
        from audiokit import __version__

        # Typer alone takes longer to load than this whole answer.
        sys.stdout.write(f"audiokit {__version__}\n")
        return
    from audiokit.cli.app import run

    run()


if __name__ == "__main__":
    main()
