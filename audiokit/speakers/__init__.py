"""Who speaks when, and where two speak at once."""
