"""The catalogue of mutants: methods that are wrong on purpose, by which the checks themselves are tested.

A mutant takes a right method and spoils it, always or only where it is triggered. What is left out on purpose: a silent
loop instead of the fast path returns the right result and leaves nothing behind, so that no law can see it; it shows
in timings only, and belongs to the benchmark.
"""
