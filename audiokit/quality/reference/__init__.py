"""Measures that need a reference: how far a recording is from what it should have been."""
