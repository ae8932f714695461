"""All directed sequences, in the order in which a run begins with them."""

from __future__ import annotations

from jaccheck.sequences.directed.issues import sequences_of_linears
from jaccheck.sequences.directed.layers import layers, subsampled
from jaccheck.sequences.directed.step import Directed
from jaccheck.sequences.directed.ways import dense_ways, losses, ways
from jaccheck.sequences.machine import SequenceMachine


def every_directed(machine: type[SequenceMachine]) -> tuple[Directed, ...]:
    """Calls on Linears, ways of use, losses, subsampling, layers, dense outputs; for the methods of the machine."""
    of_linears = sequences_of_linears(tuple(method.name for method in machine.methods))
    return (*of_linears, *ways(), *losses(), *subsampled(), *layers(), *dense_ways())
