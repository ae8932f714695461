"""The graphs of a part of a live model, one for each sample, as far as they can be followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from jaccheck.core import cut, text_of
from jaccheck.judging.live.arithmetic import check_convolutions, check_torch
from jaccheck.judging.live.parts import Part
from jaccheck.judging.live.recording import operation, record
from jaccheck.methods import Problem, copy_of
from jaccheck.oracle import Graph, NoRule

MOST_WORK = 2**27
"""Most numbers of all graphs of a part, times outputs: some ten seconds in each dtype."""

MOST_NUMBERS = 2**22
"""Most numbers of all graphs of a part; with how they are read they take some 1 GiB."""

_FAILURES = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError, NotImplementedError)
"""What models raise under a recording that they do not raise else."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The graph of one sample, beside what torch computed, and the parameters by the names that the graph has."""

    graph: Graph
    output: Tensor
    parameters: Mapping[str, Tensor]


def graphs_of(problem: Problem, part: Part) -> Iterator[Sample]:
    """The graph of each sample of a part. Raises NoRule where an operation has no rule, or they are too large."""
    check_torch(problem)
    if problem.X.device.type != "cpu":
        raise NoRule(f"a model on {problem.X.device.type}, where algorithms are not known")
    copied, numbers = copy_of(part.whole_outputs(problem)), 0
    if any(p._backward_hooks for p in copied.model.parameters()):
        raise NoRule("hooks on parameters")
    for n in range(copied.N):
        try:
            with torch.inference_mode(False), torch.enable_grad():
                graph, output = record(copied.model, copied.X.detach()[n : n + 1], copied.parameters, operation)
        except _FAILURES as error:
            lines = text_of(error).strip().splitlines() or [type(error).__name__]
            raise NoRule(f"what cannot be recorded: {cut(lines[0], 200)}") from None
        if len(graph.outputs) != problem.C:
            raise NoRule(f"{len(graph.outputs)} outputs of one sample")
        if any(node.name == "convolution" for node in graph.nodes):
            check_convolutions(problem)
        _check_functions(output)
        numbers += graph.size
        if numbers > MOST_NUMBERS or numbers * len(part.outputs) > MOST_WORK:
            raise NoRule(f"forward passes that compute more than {MOST_NUMBERS:,} numbers, or too many for all outputs")
        yield Sample(graph, output, copied.parameters)


def _check_functions(output: Tensor) -> None:
    """Refuses a backward pass that is not torch's own: a `torch.autograd.Function`, or a hook of a module."""
    todo, seen = [output.grad_fn], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            raise NoRule(f"{type(node).__name__}, whose backward pass is its own")
        todo += [following for following, _ in node.next_functions]
