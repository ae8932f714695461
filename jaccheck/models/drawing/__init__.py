"""The picture for the command `show`, made in a worker process."""
