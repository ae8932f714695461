"""A stored finding asked again: in a worker process, and what is made of how it answers."""
