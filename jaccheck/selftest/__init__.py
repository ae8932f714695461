"""The tester tested: the checks on methods that are wrong on purpose, and on methods that are right."""

from jaccheck.selftest.arena import DEVICE
from jaccheck.selftest.score import every_law, repeating_every, score, without

__all__ = ["DEVICE", "every_law", "repeating_every", "score", "without"]
