"""Holds the method of this package to every law of jaccheck, on every device and dtype."""

from jaccheck.conformance import conforms

test_per_sample_parameters = conforms("per_sample_parameters")
