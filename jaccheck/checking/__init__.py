"""A user's own model: every method on it compared, in parts that fit the memory, with what its Jacobians must be."""

from jaccheck.checking.computing import assert_jacobians_right, jacobians
from jaccheck.checking.model_check import Listener, check

__all__ = ["Listener", "assert_jacobians_right", "check", "jacobians"]
