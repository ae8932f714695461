"""The forward pass of a live model on one sample as a graph.

Every module that says how operations are recorded is loaded.
"""

from importlib import import_module

from jaccheck.judging.live.recording.operations import COMPUTED, MOVES, operation
from jaccheck.judging.live.recording.recorder import record

for name in ("elementwise", "products", "reductions", "norms"):
    import_module(f"jaccheck.judging.live.recording.{name}")

__all__ = ["COMPUTED", "MOVES", "operation", "record"]
