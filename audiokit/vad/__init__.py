"""Where people speak: detectors, segments and their label formats."""
