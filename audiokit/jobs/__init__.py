"""One use case per file: a path and settings in, a row out; nothing is printed."""
