"""The support matrix, measured in a worker process."""
