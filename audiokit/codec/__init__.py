"""Codecs: Opus and its Ogg files, and G.711. Bytes in, bytes out; no files are opened here."""
