"""Any job over any number of files: in parallel, isolated, resumable."""
