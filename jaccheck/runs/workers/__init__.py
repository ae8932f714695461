"""Worker processes: they may end or block, and the run continues."""
