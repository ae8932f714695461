"""The commands behind the command line, one file each: from a request to an exit code."""
