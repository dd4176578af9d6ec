"""Taking the echo of the far end out of a microphone."""
