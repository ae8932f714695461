"""Steps on networks: make, extend, run forward, change, copy, drop."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from jaccheck.judging import observe_globals
from jaccheck.oracle import Array
from jaccheck.sequences.broken import Leak, Refused
from jaccheck.sequences.sequence import Kept, Sequence
from jaccheck.sequences.shape import LARGEST, Shape, literal
from jaccheck.sequences.state import FOREIGN, NOTHING, Graph, Loss, Net, Result
from jaccheck.sequences.truth import smallest_part
from jaccheck.sequences.uses.rich import Rich

BATCH_SIZES = {1: (2, 8), 2: (1, 4), 4: (2, 8)}
"""By number of outputs: 2/(N·C) is a power of four, so that SqrtGGN's root of it is exact."""

FINEST = 2**10
"""Most parts of the smallest power of two that a number in a parameter may have, or an optimiser does no step."""


def make(sequence: Sequence, shape: Shape | Rich, seed: int, dtype: str) -> Net:
    """A new network."""
    net = Net(f"model{sequence.number()}", shape, shape.numbers(seed), dtype)
    sequence.session.run(*shape.source(net.name, net.values, dtype))
    sequence.globals = observe_globals("cpu")  # torch draws the first numbers of a Linear
    net.trainable = set(net.values)
    net.gradients = dict.fromkeys(net.values)
    net.stored = [NOTHING] * shape.modules
    net.attributes = [frozenset(sequence.session[f"vars({net.path_of(i)})"]) for i in range(shape.modules)]
    sequence.nets.append(net)
    return net


def extend(sequence: Sequence, net: Net) -> None:
    """Extended, perhaps once more."""
    sequence.session.run(f"extend({net.name})")
    net.is_extended = True


def forward(
    sequence: Sequence,
    net: Net,
    N: int,
    seed: int,
    *,
    loss: Loss | None,
    is_squared: bool,
    input_requires_grad: bool = False,
    is_disabled: bool = False,
) -> Graph:
    """A forward pass with gradients, up to a loss: the mean squared error, of `loss` or of a new module; or a sum."""
    number = sequence.number()
    X = net.shape.batch(N, seed)
    targets = np.random.Generator(np.random.PCG64(seed)).integers(-LARGEST, LARGEST, (N, net.shape.C), endpoint=True)
    numbers = targets.astype(np.float64)
    session = sequence.session
    session.run(
        f"X{number} = torch.tensor({literal(X)}, dtype=torch.{net.dtype})"
        + (".requires_grad_()" if input_requires_grad else "")
    )
    weights = f"torch.tensor({literal(numbers)}, dtype=torch.{net.dtype})"
    if is_squared and loss is None:
        loss = Loss(f"mse{number}")
        session.run(f"{loss.name} = extend(nn.MSELoss())")
        sequence.losses.append(loss)
    loss = loss if is_squared else None
    value = f"{loss.name}({net.name}(X{number}), {weights})" if loss else f"({net.name}(X{number}) * {weights}).sum()"
    line = f"loss{number} = {value}"
    session.run(*(["with disable():", f"    {line}"] if is_disabled else [line]))
    graph = Graph(
        number,
        net,
        X,
        numbers if loss else None,
        None if loss else numbers,
        loss,
        frozenset(net.trainable),
        input_requires_grad,
        net.is_extended,
        dict(net.values),
        net.dtype,
    )
    if sequence.stores() and not is_disabled:
        if net.is_extended:
            net.stored = [frozenset((number,))] * net.shape.modules
        if loss:
            loss.stored = frozenset((number,))
    sequence.graphs.append(graph)
    return graph


def forward_without_grad(
    sequence: Sequence, net: Net, N: int, seed: int, mode: Literal["no_grad", "inference_mode"]
) -> None:
    """A forward pass that records nothing."""
    X = f"torch.tensor({literal(net.shape.batch(N, seed))}, dtype=torch.{net.dtype})"
    sequence.session.run(f"with torch.{mode}():", f"    {net.name}({X})")


def freeze(sequence: Sequence, net: Net, name: str, *, requires_grad: bool) -> None:
    """A parameter that requires no gradient any more, or again."""
    sequence.session.run(f"{net.parameter(name)}.requires_grad_({requires_grad})")
    (net.trainable.add if requires_grad else net.trainable.discard)(name)


def set_mode(sequence: Sequence, net: Net, *, training: bool) -> None:
    """Training mode or evaluation mode, which are the same to these networks."""
    sequence.session.run(f"{net.name}.{'train' if training else 'eval'}()")
    net.is_training = training


def convert(sequence: Sequence, net: Net, dtype: Literal["float32", "float64"]) -> None:
    """All numbers in another dtype; graphs from before are forgotten, since their parameters are others."""
    for graph in sequence.graphs_of(net):
        sequence.delete_graph(graph)
    sequence.session.run(f"{net.name}.to(torch.{dtype})")
    net.dtype = dtype
    for name, gradient in net.gradients.items():
        if isinstance(gradient, Result):
            fits = gradient.values is not None and _parts(gradient.values) <= 2**24
            net.gradients[name] = Result(gradient.values if fits else None, dtype)


def zero_gradients(sequence: Sequence, net: Net, *, to_none: bool) -> None:
    """`zero_grad`: gradients set to None or to zero; a missing gradient stays missing."""
    sequence.session.run(f"{net.name}.zero_grad({'' if to_none else 'set_to_none=False'})")
    for name, gradient in net.gradients.items():
        if to_none:
            net.gradients[name] = None
        elif isinstance(gradient, Result):
            net.gradients[name] = Result(np.zeros_like(net.values[name]), gradient.dtype)


def load_numbers(sequence: Sequence, net: Net, seed: int) -> None:
    """Other numbers, through `load_state_dict`."""
    net.values = net.shape.numbers(seed)
    sequence.session.run(net.shape.load(net.name, net.values))
    _touch(sequence, net)


def round_trip(sequence: Sequence, net: Net) -> None:
    """Its own `state_dict`, copied and loaded: the same keys and numbers."""
    sequence.session.run(
        f"assert list({net.name}.state_dict()) == {list(net.values)}",
        f"{net.name}.load_state_dict(copy.deepcopy({net.name}.state_dict()))",
    )
    _touch(sequence, net)


def optimiser_step(sequence: Sequence, net: Net) -> bool:
    """A step of SGD; none, and False, where its result would not be exact or cannot be predicted."""
    values = {}
    for name, gradient in net.gradients.items():
        if gradient is None:
            values[name] = net.values[name]
            continue
        if not isinstance(gradient, Result) or gradient.values is None:
            return False
        values[name] = net.values[name] - 0.5 * gradient.values
        if _parts(values[name]) > FINEST:
            return False
    sequence.session.run(f"torch.optim.SGD({net.name}.parameters(), lr=0.5).step()")
    net.values = values
    _touch(sequence, net)
    return True


def _touch(sequence: Sequence, net: Net) -> None:
    for graph in sequence.graphs_of(net):
        graph.is_touched = True


def _parts(values: Array) -> float:
    return float(np.abs(values).max(initial=0.0) / smallest_part(values))


def copy(sequence: Sequence, net: Net, by: Literal["deepcopy", "pickle"]) -> None:
    """A copy of the network; refused where a graph is stored on its modules."""
    name = f"model{sequence.number()}"
    call = f"copy.deepcopy({net.name})" if by == "deepcopy" else f"pickle.loads(pickle.dumps({net.name}))"
    may_refuse = any(each != NOTHING if by == "deepcopy" else FOREIGN in each for each in net.stored)
    failed = sequence.session.attempt(f"{name} = {call}")
    if failed and not may_refuse:
        del sequence.session.lines[-1]
        raise Refused(f"{net.name}: {by}: {failed}", f"{name} = {call}")
    if failed:
        sequence.tally.refused["a model that stores a graph cannot be copied"] += 1
        if by == "pickle":
            sequence.tally.meet("transforms-leave-wrappers", is_wrong=True)
        return
    made = Net(name, net.shape, dict(net.values), net.dtype, net.is_extended, net.is_training, set(net.trainable))
    made.gradients = dict.fromkeys(net.values)
    made.results = dict(net.results) if by == "pickle" else {}
    for key, result in made.results.items():
        if isinstance(result, Result):
            made.results[key] = replace(result, may_be_missing=True)
    made.stored, made.attributes = list(net.stored), net.attributes
    sequence.nets.append(made)
    for index, stored in enumerate(made.stored):
        if stored != NOTHING:
            is_left = "output" in sequence.session[f"vars({made.path_of(index)})"]
            if None not in stored:
                sequence.tally.meet("copies-carry-the-batch", is_wrong=is_left)
            if not is_left:
                made.stored[index] = NOTHING


def keep(sequence: Sequence, net: Net, name: str, field: str) -> None:
    """An earlier result in a variable of its own; none that has a graph, which would rightly keep the network."""
    result = net.results[name, field]
    assert isinstance(result, Result)
    if net.has_differentiable_results or field not in sequence.session[f"vars({net.parameter(name)})"]:
        return
    variable = f"kept{sequence.number()}"
    sequence.session.run(f"{variable} = {net.parameter(name)}.{field}")
    sequence.kept.append(Kept(variable, result))


def clean(sequence: Sequence, net: Net) -> None:
    """What is stored is deleted by BackPACK's own `memory_cleanup`."""
    sequence.session.run(f"{net.name}.apply(memory_cleanup)")
    net.stored = [NOTHING] * net.shape.modules


def drop(sequence: Sequence, net: Net) -> None:
    """The network and its graphs are deleted, and must be freed. Raises Leak.

    What is still stored on modules keeps them alive, which is a known issue; it is cleaned up then.
    """
    session = sequence.session
    for loss in sequence.losses:
        if loss.stored != NOTHING:
            session.run(f"{loss.name}.apply(memory_cleanup)")
            loss.stored = NOTHING
    session.run(f"references = [weakref.ref(each) for each in (*{net.name}.modules(), *{net.name}.parameters())]")
    for graph in sequence.graphs_of(net):
        sequence.delete_graph(graph)
    handles = len(session["CTX.hook_handles"])
    session.run(f"del {net.name}")
    sequence.nets.remove(net)
    if any(each != NOTHING for each in net.stored):
        sequence.tally.meet("never-freed", is_wrong=not _are_freed(sequence))
        session.run(
            "for reference in references:",
            "    if isinstance(reference(), nn.Module):",
            "        memory_cleanup(reference())",
        )
    if net.has_differentiable_results:
        sequence.tally.meet("results-keep-the-graph", is_wrong=not _are_freed(sequence))
        session.run(
            "for reference in references:",
            "    if isinstance(reference(), nn.Parameter):",
            "        vars(reference()).clear()",
        )
    if not _are_freed(sequence):
        left = session["[type(reference()).__name__ for reference in references if reference() is not None]"]
        raise Leak(
            f"{net.name} is deleted, but {', '.join(left)} are not freed",
            "gc.collect()",
            "assert all(reference() is None for reference in references)",
        )
    if net.is_extended:
        sequence.tally.meet("hook-handles-grow", is_wrong=len(session["CTX.hook_handles"]) >= handles)


def _are_freed(sequence: Sequence) -> bool:
    """Whether nothing of a dropped network is left, once cycles have been collected."""
    freed = "all(reference() is None for reference in references)"
    if not sequence.session[freed]:
        sequence.session.names["gc"].collect()
    return bool(sequence.session[freed])
