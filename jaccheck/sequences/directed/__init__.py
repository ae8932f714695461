"""Sequences that every run begins with, as boundary cases are for `verify`: each layer, each way, each known issue."""
