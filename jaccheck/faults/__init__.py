"""The fault catalogue: methods that are wrong on purpose, by which the checks themselves are tested.

A fault takes a right method and spoils it, always or only where it is triggered. What is left out on purpose: a silent
loop instead of the fast path returns the right result and leaves nothing behind, so that no law can see it; it shows
in timings only, and belongs to the benchmark.
"""

from jaccheck.faults.registry import Fault, catalogue, choose, choose_stored, fault, stateful_fault

__all__ = ["Fault", "catalogue", "choose", "choose_stored", "fault", "stateful_fault"]
