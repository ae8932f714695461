"""Known faults of other people's releases, as data: expected failures, strict both ways."""
