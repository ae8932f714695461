"""Time and memory of a call, measured so that they can be believed."""
