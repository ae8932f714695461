"""A report of each kind in which something is wrong, as plain data."""
