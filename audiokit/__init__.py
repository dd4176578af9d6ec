"""audiokit: speech audio from the command line, one block at a time."""

__version__ = "0.1.0"
