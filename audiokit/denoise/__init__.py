"""Taking background noise away: our own denoiser, and adapters to packages."""
