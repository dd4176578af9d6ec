"""Reading, writing and finding: the only place that opens audio files."""
