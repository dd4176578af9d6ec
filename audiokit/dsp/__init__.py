"""Signal primitives that every domain shares: NumPy only."""
