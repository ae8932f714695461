"""The graph of what was watched: whether each use of a parameter is known, and derivatives by what functions return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from jaccheck.errors import NotCovered
from jaccheck.methods.problem import Jacobians
from jaccheck.methods.rules.use import Use
from jaccheck.methods.samples import Layout, Probe, halves, layout_without_leaks, layouts
from jaccheck.methods.watch import Watch


def carry_on(
    made: list[Tensor], J_made: list[Tensor], θ: dict[str, nn.Parameter], J: Jacobians, written: set[str]
) -> None:
    """Adds to J what comes through tensors that were made of parameters, by the Jacobians by these tensors."""
    N, C = J_made[0].shape[:2]
    seeds = [jacobian.flatten(0, 1) for jacobian in J_made]
    for name, found in zip(θ, batched_grad(made, [*θ.values()], seeds), strict=True):
        if found is not None:
            share = found.reshape(N, C, *θ[name].shape)
            J[name].add_(share) if name in written else J[name].copy_(share)
            written.add(name)


def batched_grad(outputs: Sequence[Any], inputs: Sequence[Any], seeds: Sequence[Tensor]) -> Sequence[Tensor | None]:
    """A vector-Jacobian product for each row of the seeds, at once; one after the other where torch cannot."""
    options: dict[str, Any] = {"allow_unused": True, "retain_graph": True}
    try:
        return torch.autograd.grad(outputs, inputs, seeds, is_grads_batched=True, **options)
    except RuntimeError:
        rows = [torch.autograd.grad(outputs, inputs, [*row], **options) for row in zip(*seeds, strict=True)]
    return [None if all(each is None for each in column) else torch.stack(column) for column in zip(*rows, strict=True)]


def check_parameters(f: Tensor, watch: Watch) -> None:
    """Raises NotCovered where a trainable parameter reaches `f` by anything but the calls that were kept.

    The graph is walked down from f. At a call that was kept the walk goes on with what went in, but for the parameters
    that its rule accounts for; whatever other parameter is still met is used in a way that has no rule.
    """
    kept = {use.edge.node: use for use in watch.uses}
    stack, seen = [f.grad_fn], set()
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.name() == "CheckpointFunctionBackward":
            raise NotCovered("the model uses checkpoint(use_reentrant=True), which hides what happens inside")
        use = kept.get(node)
        below: Sequence[tuple[Tensor | None, Any]]
        if use is None:
            below = [(getattr(following, "variable", None), following) for following, _ in node.next_functions]
        else:
            check_made(use, watch, kept)
            below = use.behind
        for tensor, following in below:
            if id(tensor) in watch.names:
                raise NotCovered(
                    f"{watch.told[id(tensor)]} is used in {node.name()}, by a call without a rule or unseen"
                )
            stack.append(following)


def check_made(use: Use, watch: Watch, kept: dict[Any, Use]) -> None:
    """Raises NotCovered where the rule would read what is no longer there, or count a path twice."""
    if use.is_stale:
        raise NotCovered(f"what a function of {watch.name_of(use)} has read is changed in place afterwards")
    stack, seen = [parameter.grad_fn for parameter, _ in use.parts], set()
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node in kept:
            raise NotCovered(f"what is made of {watch.name_of(use)} is changed in place by what depends on samples")
        stack += [following for following, _ in node.next_functions]


def backpropagate(
    f: Tensor, uses: list[Use], *, are_samples_apart: bool
) -> tuple[list[tuple[Tensor, Layout] | None], list[Use]]:
    """For each use the derivative of all outputs by what it returned, `(C, *y.shape)`, and how samples lie in it.

    None where no output depends on it. Also the uses of which it is not clear how samples lie.
    """
    N, C = f.shape
    if not uses or not f.requires_grad:
        return [None] * len(uses), []
    edges = [use.edge for use in uses]
    # Converted, since torch 2.2 makes no identity of bfloat16.
    seeds = torch.eye(C, device=f.device).to(f.dtype)[:, None].expand(C, N, C)
    if are_samples_apart and all(use.shape[:1] == (N,) and use.axes != 0 for use in uses):
        plain = zip(uses, batched_grad([f], edges, [seeds]), strict=True)
        return [None if δ is None else (δ.reshape(C, *use.shape), Layout(N)) for use, δ in plain], []
    probe = Probe(N, C, f)
    found: list[tuple[Tensor, Layout] | None] = []
    unclear: list[tuple[int, Use, Tensor]] = []
    for use, δ in zip(uses, batched_grad([f], edges, [torch.cat([seeds, probe.seed[None]])]), strict=True):
        layout = None
        if δ is not None:
            δ = δ.reshape(C + 1, *use.shape)
            candidates = layouts(use.shape, _axes(use), N)
            # A single sample cannot depend on others.
            layout = next(candidates, None) if N == 1 else probe.layout_of(δ[:C], δ[C], candidates)
            if layout is None:
                unclear.append((len(found), use, δ[:C]))
        found.append(None if δ is None or layout is None else (δ[:C], layout))
    if not unclear or N == 1:
        return found, [use for _, use, _ in unclear]
    chosen = halves(N, f.device)
    leaks = batched_grad([f], [use.edge for _, use, _ in unclear], [chosen[:, :, None].to(f.dtype) * probe.outputs])
    mixed = []
    for (at, use, δ), leak in zip(unclear, leaks, strict=True):
        layout = None
        if leak is not None:
            leak = leak.reshape(len(chosen), *use.shape)
            layout = layout_without_leaks(leak, chosen, layouts(use.shape, _axes(use), N))
        if layout is None:
            mixed.append(use)
        else:
            found[at] = δ, layout
    return found, mixed


def _axes(use: Use) -> int:
    return len(use.shape) if use.axes is None else use.axes
