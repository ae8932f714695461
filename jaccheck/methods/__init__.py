"""The methods under test: functions `Problem -> Jacobians`, one file for each family."""

from jaccheck.methods.registry import Method, choose, find, method, registered

__all__ = ["Method", "choose", "find", "method", "registered"]
