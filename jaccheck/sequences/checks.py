"""Whether everything in a session is as it must be."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from jaccheck.judging import observe_globals
from jaccheck.sequences.broken import GlobalState, Leftover, WrongValue
from jaccheck.sequences.sequence import Sequence
from jaccheck.sequences.state import Net, Result, Stored

HOOKS = ("_forward_hooks", "_backward_hooks")
"""BackPACK leaves one of each on every module, by design."""

STORED = frozenset(("input0", "output"))
FLAG = "_backpack_extend"
LOSS_ATTRIBUTES = frozenset(vars(torch.nn.MSELoss()))


def is_equal(found: Any, result: Result) -> bool:
    """Whether a tensor is there and has the numbers of a result, which must be known."""
    if result.values is None or not isinstance(found, torch.Tensor):
        return False
    if result.closeness:
        return _is_close(found, result)
    if str(found.dtype) != f"torch.{result.dtype}" or tuple(found.shape) != result.values.shape:
        return False
    return bool(np.array_equal(found.detach().numpy(), result.values))


def _is_close(found: torch.Tensor, result: Result) -> bool:
    """Whether a tensor, seen as the result says, is close to its numbers."""
    assert result.values is not None
    if str(found.dtype) != f"torch.{result.dtype}":
        return False
    seen = found.detach()
    if result.view == "sum":
        seen = seen.sum(0)
    elif result.view == "gram" and seen.dim() > 1:
        root = seen.flatten(2)
        seen = torch.einsum("cni,cnj->nij", root, root)
    if tuple(seen.shape) != result.values.shape:
        return False
    return bool(np.allclose(seen.numpy(), result.values, rtol=0.0, atol=result.slack()))


def differs(found: Any, result: Result) -> bool:
    """Whether a tensor is missing, or has other numbers than the result, where these are known."""
    return not isinstance(found, torch.Tensor) or (result.values is not None and not is_equal(found, result))


def check_all(sequence: Sequence) -> None:
    """Raises Broken where anything in the session is not as it must be."""
    check_globals(sequence)
    for net in sequence.nets:
        check_parameters(sequence, net)
        check_modules(sequence, net)
    for loss in sequence.losses:
        check_module(sequence, loss.name, LOSS_ATTRIBUTES, loss.stored, is_extended=True)
    for kept in sequence.kept:
        found = sequence.session[kept.name]
        if differs(found, kept.result):
            raise WrongValue(
                f"the earlier result {kept.name} is now {found.tolist()}", *kept.result.assertion(kept.name)
            )


def check_globals(sequence: Sequence) -> None:
    """BackPACK's own global state, and torch's."""
    CTX, disable = sequence.session["CTX"], sequence.session["disable"]
    expected = [each.quantity.extension for each in sequence.innermost()]
    with_outer = [each.quantity.extension for each in sequence.active()]
    found = [type(each).__name__ for each in CTX.active_exts]
    if found not in (expected, with_outer):  # either may be how a release keeps them; a pass shows what is run
        raise GlobalState(
            f"active extensions are {found}, expected {expected}",
            f"assert [type(each).__name__ for each in CTX.active_exts] == {expected}, CTX.active_exts",
        )
    if CTX.retain_graph not in (sequence.retains(), any(each.retains for each in sequence.opened())):
        raise GlobalState("CTX.retain_graph is wrong", f"assert CTX.retain_graph is {sequence.retains()}")
    if CTX.debug or CTX.extension_hook.__name__ != "no_op":
        raise GlobalState(
            "CTX.debug or CTX.extension_hook is left behind", 'assert CTX.extension_hook.__name__ == "no_op"'
        )
    if disable.store_io != sequence.stores():
        raise GlobalState("disable.store_io is wrong", f"assert disable.store_io is {sequence.stores()}")
    now = observe_globals("cpu")
    for name, was in sequence.globals.items():
        if now[name] != was:
            raise GlobalState(f"torch's {name} changed", f'raise AssertionError("the {name} changed")')


def check_parameters(sequence: Sequence, net: Net) -> None:
    """Numbers, gradients and results of each parameter."""
    live = dict(sequence.session[net.name].named_parameters())
    for name, values in net.values.items():
        source, p = net.parameter(name), live[name]
        _compare(sequence, source, p, Result(values, net.dtype))
        if p.requires_grad != (name in net.trainable):
            raise Leftover(f"{source}.requires_grad changed", f"assert {source}.requires_grad is {not p.requires_grad}")
        gradient = net.gradients[name]
        if gradient is None and p.grad is not None:
            raise Leftover(f"{source}.grad is left behind", f"assert {source}.grad is None")
        if isinstance(gradient, Result):
            _compare(sequence, f"{source}.grad", p.grad, gradient)
        attributes = vars(p)
        for (owner, field), result in net.results.items():
            if owner == name and isinstance(result, Result):
                _compare(sequence, f"{source}.{field}", attributes.get(field), result)
        for field in attributes:
            if (name, field) not in net.results:
                raise Leftover(f"{source}.{field} is left behind", f'assert not hasattr({source}, "{field}")')
        if p._backward_hooks:
            raise Leftover(f"{source} has a hook", f"assert not {source}._backward_hooks")


def _compare(sequence: Sequence, source: str, found: Any, result: Result) -> None:
    sequence.tally.compared += 1
    sequence.tally.undecided += result.values is None
    if found is None and result.may_be_missing:
        return
    if not isinstance(found, torch.Tensor):
        owner, _, field = source.rpartition(".")
        raise Leftover(f"{source} is missing", f'assert getattr({owner}, "{field}", None) is not None')
    if differs(found, result):
        assert result.values is not None
        raise WrongValue(
            f"{source} is {found.tolist()} ({found.dtype}), expected {result.values.tolist()} ({result.dtype})",
            *result.assertion(source),
        )


def check_modules(sequence: Sequence, net: Net) -> None:
    """Attributes and hooks of each module, and its mode."""
    for index, attributes in enumerate(net.attributes):
        source = net.path_of(index)
        check_module(sequence, source, attributes, net.stored[index], is_extended=net.is_extended)
        if sequence.session[f"{source}.training"] != net.is_training:
            raise Leftover(f"{source}.training changed", f"assert {source}.training is {net.is_training}")


def check_module(sequence: Sequence, source: str, before: frozenset[str], stored: Stored, *, is_extended: bool) -> None:
    """Attributes, beyond those from `before` BackPACK saw it, and hooks of one module."""
    attributes = sequence.session[f"vars({source})"]
    expected = before | ({FLAG} if is_extended else set())
    required = expected | (STORED if None not in stored else set())
    allowed = expected | (STORED | {"input1", "input2"} if stored != {None} else set())
    for name in required - attributes.keys():
        raise Leftover(f"{source}.{name} is gone", f'assert hasattr({source}, "{name}")')
    for name in attributes.keys() - allowed:
        raise Leftover(f"{source}.{name} is left behind", f'assert "{name}" not in vars({source})')
    for name in attributes:
        if name.endswith("_hooks") and len(attributes[name]) != (count := int(is_extended and name in HOOKS)):
            raise Leftover(
                f"{source}.{name} has {len(attributes[name])} entries, expected {count}",
                f"assert len({source}.{name}) == {count}",
            )
