"""`Part`: some samples and some outputs of a problem, small enough for the memory that is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil

import torch
from torch import Tensor, nn

from jaccheck.errors import InvalidModel
from jaccheck.methods import Adapter, Jacobians, Method, Problem, copy_of, own_names
from jaccheck.oracle import Layout, Network
from jaccheck.reports import WorstEntry

BYTES_PER_ENTRY = 128
"""What a part may need for each entry: a result and its waste, the reference in float64, bounds, differences."""

MOST_ROWS = 4096
"""Rows of a part, N·C: methods over a whole batch take time that grows with their square."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which samples, and which outputs."""

    samples: range
    outputs: range

    def of(self, problem: Problem) -> Problem:
        """The problem of this part alone, a copy; its model is wrapped where outputs are left out."""
        copied = copy_of(self.whole_outputs(problem))
        if len(self.outputs) == problem.C:
            return copied
        return Problem(_Outputs(copied.model, self.outputs), copied.X, len(self.outputs))

    def whole_outputs(self, problem: Problem) -> Problem:
        """The problem of these samples with all outputs; nothing is copied."""
        X = problem.X.detach()[self.samples.start : self.samples.stop]
        return Problem(problem.model, X.requires_grad_(problem.X.requires_grad), problem.C)

    def layout(self, problem: Problem) -> Layout:
        """How the Jacobians of this part lie in one flat vector."""
        return replace(problem.layout, N=len(self.samples), C=len(self.outputs))

    def rows(self, jacobians: Jacobians) -> Jacobians:
        """What it has of the Jacobians of all samples and outputs, as views."""
        samples, outputs = (slice(each.start, each.stop) for each in (self.samples, self.outputs))
        return {name: jacobian[samples, outputs] for name, jacobian in jacobians.items()}

    def in_whole(self, worst: WorstEntry) -> WorstEntry:
        """The same entry, counted from the first sample and output of all."""
        n, c, *rest = worst.index
        return replace(worst, index=(n + self.samples.start, c + self.outputs.start, *rest))


class _Outputs(Adapter):
    """A model with some of its outputs only."""

    def __init__(self, model: nn.Module, outputs: range) -> None:
        super().__init__(model)
        self.outputs = outputs
        self.words = f"outputs {outputs.start} to {outputs.stop - 1} alone"

    def forward(self, X: Tensor) -> Tensor:
        """Those outputs, `(N, C)`."""
        f: Tensor = self.model(X).flatten(1)
        return f[:, self.outputs.start : self.outputs.stop]


def jacobians_of_part(method: Method, problem: Problem, out: Jacobians | None = None) -> Jacobians:
    """The method's result, under the names of the parameters of the user's model; `out` has those names, too."""
    found = method.compute(problem, **({} if out is None else {"out": problem.inside(out)}))
    return own_names(problem.model, found) if isinstance(found, dict) else found


LONGER = 4
"""For a second sample in a part, so many times the rows that there is time for are taken."""


def parts_of(
    problem: Problem, memory: int, network: Network | None = None, *, most_rows: int | None = None
) -> tuple[Part, ...]:
    """The parts, all samples and outputs in order, that can each be verified within so many bytes.

    As many samples as fit, with all outputs; where not even one does, two samples and as many outputs as fit. What the
    closed form of `network` takes, if there is one, is counted. `most_rows` is how many rows, N·C, may be in one part,
    where time is short; a part has two samples all the same unless that takes LONGER, since one alone does not show
    what a method mixes up. Raises InvalidModel where a single row of the Jacobian is too large.
    """
    row = _bytes_per_row(problem, network)
    sample = 8 * network.numbers_per_sample if network else 0
    rows = memory // (row + sample // max(problem.C, 1))
    if rows < problem.C:
        rows = (memory - sample) // row
    if rows < 1:
        numbers = sum(p.numel() for p in problem.parameters.values())
        needed = (row + sample) / 2**30
        raise InvalidModel(
            f"one row of the Jacobian, {numbers:,} entries, needs {needed:.1f} GiB more; give more memory"
        )
    most = max(MOST_ROWS, problem.C) if most_rows is None else max(1, most_rows)
    rows = min(rows, max(most, 2 * problem.C) if LONGER * most >= 2 * problem.C else most)
    if rows >= problem.C:
        samples, outputs = _evenly(problem.N, rows // problem.C), [range(problem.C)]
    else:
        together = min(2, problem.N, rows)
        samples, outputs = _evenly(problem.N, together), list(_evenly(problem.C, rows // together))
    return tuple(Part(some, these) for some in samples for these in outputs)


def bytes_of_one_row(problem: Problem, network: Network) -> int:
    """What the least part takes, one sample and one output."""
    return _bytes_per_row(problem, network) + 8 * network.numbers_per_sample


def _bytes_per_row(problem: Problem, network: Network | None) -> int:
    numbers = sum(p.numel() for p in problem.parameters.values())
    return BYTES_PER_ENTRY * numbers + (8 * network.numbers_per_row if network else 0)


def _evenly(count: int, most: int) -> Iterator[range]:
    """`count` things in runs of nearly equal length, none longer than `most`; the first is the longest."""
    runs = max(1, ceil(count / most))
    ends = [ceil(count * i / runs) for i in range(runs + 1)]
    return (range(start, stop) for start, stop in pairwise(ends))


def in_float64(problem: Problem) -> Problem:
    """A copy with all floating numbers in float64, complex ones in complex128.

    It is on the same device where that has the dtype, else on the CPU.
    """
    return made_float64(copy_of(problem))


def made_float64(copied: Problem) -> Problem:
    """The same of what is a copy already, and is not used any more."""
    device = torch.device("cpu") if copied.X.device.type == "mps" else copied.X.device
    # `Module.to(torch.float64)` drops the imaginary parts of complex buffers.
    model = copied.model._apply(lambda tensor: _doubled(tensor.to(device)))
    return Problem(model, _doubled(copied.X.detach().to(device)).requires_grad_(copied.X.requires_grad), copied.C)


def _doubled(tensor: Tensor) -> Tensor:
    if tensor.is_complex():
        return tensor.to(torch.complex128)
    return tensor.double() if tensor.is_floating_point() else tensor
