"""Worker processes, which may end or block without harm to the run."""
