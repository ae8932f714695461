"""Methods of jaccheck's registry on the live networks of a sequence, in between."""

from __future__ import annotations

from functools import cache

import torch

from jaccheck.judging import standalone_source
from jaccheck.methods import Method, Problem, registered
from jaccheck.sequences.broken import Refused, WrongValue
from jaccheck.sequences.checks import differs
from jaccheck.sequences.sequence import Sequence
from jaccheck.sequences.shape import literal
from jaccheck.sequences.state import FOREIGN, UNKNOWN, Net, Result
from jaccheck.sequences.truth import Truth


def exact_methods() -> tuple[Method, ...]:
    """The methods that run here and whose results must be exact on exact problems; none of other packages or by name.

    laplace-torch removes BackPACK's hooks from every network of the process, and BackPACK could not be tested then.
    """
    found = [each for each in registered().values() if not (each.imports or each.only_by_name)]
    return tuple(each for each in found if not (each.missing or each.step or each.loss or each.roundings(2, 4)))


def compute(sequence: Sequence, net: Net, method: Method, N: int, seed: int) -> None:
    """The Jacobians of a live network by a method. Raises Broken."""
    session = sequence.session
    X = net.shape.batch(N, seed)
    problem = Problem(session[net.name], torch.tensor(X, dtype=getattr(torch, net.dtype)), net.shape.C)
    if method.refuses(problem):
        sequence.tally.refused[f"{method.name} says so"] += 1
        return
    _define(sequence, method)
    parameters = f"{{n: p for n, p in {net.name}.named_parameters() if p.requires_grad}}"
    call = (
        f"J = {method.name}(SimpleNamespace(model={net.name}, X=torch.tensor({literal(X)}, dtype=torch.{net.dtype}), "
        f"N={N}, C={net.shape.C}, parameters={parameters}, told=str))"
    )
    failed = session.attempt(call)
    if failed:
        if not net.is_extended:
            del session.lines[-1]
            raise Refused(f"{method.name} on {net.name}: {failed}", call)
        sequence.tally.refused[f"{method.name} on an extended model"] += 1
    _after(net, method)
    if failed:
        return
    truth = Truth(net.chain, net.values, X, net.dtype)
    for name in sorted(net.trainable):
        result = Result(truth.jacobians[name] if truth.are_jacobians_exact else None, net.dtype)
        found = session[f"J[{name!r}]"]
        sequence.tally.compared += 1
        if differs(found, result):
            raise WrongValue(
                f"{method.name}: the Jacobian by {net.parameter(name)} is {found.tolist()}, expected {result.values}",
                *result.assertion(f"J[{name!r}]"),
            )
    session.run("del J")


def _define(sequence: Sequence, method: Method) -> None:
    """The method under its own name, and its source at the head of the script."""
    if method.name not in sequence.session.definitions:
        sequence.session.define(method.compute, *_source(method))


@cache
def _source(method: Method) -> tuple[list[str], str]:
    return standalone_source(method.compute) or ([], f"# {method.name}: its source is not available")


def _after(net: Net, method: Method) -> None:
    """What the method may have left: what it declares, and what any pass does to an extended model."""
    if "_backpack_extend" in method.leaves:
        net.is_extended = True
    if "grad" in method.leaves:
        net.gradients = dict.fromkeys(net.gradients, UNKNOWN)
    for field in method.leaves & {"grad_batch", "sqrt_ggn_exact", "grad_sample"}:
        for name in net.values:
            net.results[name, field] = UNKNOWN
    if net.is_extended:
        net.stored = [each | {FOREIGN, None} for each in net.stored]
