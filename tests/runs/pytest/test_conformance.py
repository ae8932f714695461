"""Every installed method conforms: the very tests that users run with `pytest --pyargs jaccheck.conformance`."""

from jaccheck.conformance import every_method

__all__ = ["every_method"]
