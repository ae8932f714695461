"""`hooks`: the Jacobians of a live model of any shape, from the inputs of its layers and one batched backward pass.

While the model runs, torch's functions that take parameters are watched: `(f, y, input)` is kept of each. One batched
backward pass then yields δ, the derivative of all C outputs by every y; samples do not touch each other, so a unit
vector for all samples at once is a unit vector for each. The rule of each function (`rules.py`) writes the Jacobian
from δ and its input straight into place. Nothing is attached to the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from jaccheck.errors import NotCovered
from jaccheck.methods.calls import has_backward_hooks
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import method
from jaccheck.methods.rules import RULES, Use

LAYERS = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.Embedding,
)
"""What may have trainable parameters; parameters of other modules are refused beforehand."""

APART = (
    *LAYERS,
    *(nn.Sequential, nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d),
    *(nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Softplus, nn.ReLU6, nn.Hardtanh),
    *(nn.Tanh, nn.Sigmoid, nn.LogSigmoid, nn.Mish, nn.Softsign, nn.Hardswish),
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
)
"""A network of these and Flatten keeps samples apart, along the first axis; of any other this is checked as it runs."""


def _beyond(problem: Problem) -> str | None:
    """What `hooks` does not cover, as far as modules show it."""
    for path, module in problem.model.named_modules():
        name = path or "the model"
        own = {key: p for key, p in module._parameters.items() if p is not None and p.requires_grad}
        if own and type(module) not in LAYERS:
            kinds = ", ".join(layer.__name__ for layer in LAYERS)
            return f"{name} is {type(module).__name__} and has trainable parameters; it covers those of {kinds}"
        if reason := _beyond_module(module, own):
            return f"{name} {reason}"
    kinds_of_numbers = {p.dtype for p in problem.parameters.values()}
    if len(kinds_of_numbers) > 1 or not all(dtype.is_floating_point for dtype in kinds_of_numbers):
        return f"parameters are {', '.join(map(str, kinds_of_numbers))}; it covers one real dtype"
    return None


def _beyond_module(module: nn.Module, own: dict[str, nn.Parameter]) -> str:
    if extra := sorted(own.keys() - {"weight", "bias"}):
        return f"has a parameter {extra[0]}, expected weight and bias only"
    if has_backward_hooks(module) or any(p._backward_hooks for p in own.values()):
        return "has hooks that a backward pass would call"
    if isinstance(module, _BatchNorm) and (module.training or module.running_mean is None):
        return "takes its statistics from the batch, so that samples depend on each other"
    if isinstance(module, nn.Embedding) and (module.max_norm or module.scale_grad_by_freq or module.sparse):
        return "is an Embedding with max_norm, scale_grad_by_freq or sparse, whose gradient is no plain derivative"
    if isinstance(module, torch.jit.ScriptModule) or hasattr(module, "_orig_mod"):
        return "is compiled, so that its calls cannot be watched"
    return ""


@method(family="hooks", unsupported=_beyond)
def hooks(problem: Problem, *, out: Jacobians | None = None) -> Jacobians:
    """One batched backward pass to the outputs of all layers, then outer products with their inputs, in place."""
    θ, N, C = problem.parameters, problem.N, problem.C
    watch = Watch({id(p): name for name, p in θ.items()})
    with torch.enable_grad(), watch:
        f = problem.model(problem.X).reshape(N, C)
    with torch.no_grad():
        check_parameters(f, watch)
        δs = backpropagate(f, watch, are_samples_apart=is_sequence(problem.model))
        J = out or {name: p.new_empty(N, C, *p.shape) for name, p in θ.items()}
        written = set()
        for use, δ in zip(watch.uses, δs, strict=True):
            for parameter, write in use.parts:
                name = watch.names.get(id(parameter))
                if name is None or δ is None:
                    continue
                share = torch.empty_like(J[name]) if name in written else J[name]
                write(δ, share)
                if name in written:
                    J[name].add_(share)
                written.add(name)
        for name in J.keys() - written:
            J[name].zero_()
    return J


class Watch(TorchFunctionMode):
    """Keeps every call of a function with a rule that a trainable parameter goes into, while it is entered."""

    def __init__(self, names: dict[int, str]) -> None:
        super().__init__()
        self.names = names
        self.uses: list[Use] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The call itself, and a `Use` of it kept."""
        kwargs = kwargs or {}
        use = RULES[func](*args, **kwargs) if func in RULES else None
        y = func(*args, **kwargs)
        if use and any(id(parameter) in self.names for parameter, _ in use.parts):
            if not y.requires_grad:
                raise NotCovered(f"{self._name(use)} is used where gradients are disabled or recomputed (checkpoint)")
            use.edge = get_gradient_edge(y)
            self.uses.append(use)
        return y

    def _name(self, use: Use) -> str:
        return next(self.names[id(parameter)] for parameter, _ in use.parts if id(parameter) in self.names)


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
            below = use.behind(watch.names)
        for tensor, following in below:
            if id(tensor) in watch.names:
                raise NotCovered(f"{watch.names[id(tensor)]} is also used in {node.name()}, for which there is no rule")
            stack.append(following)


def backpropagate(f: Tensor, watch: Watch, *, are_samples_apart: bool) -> list[Tensor | None]:
    """For each use the derivative of all outputs by what it returned, `(C, N, …)`, or None where none depends on it."""
    N, C = f.shape
    if not watch.uses:
        return []
    for use in watch.uses:
        if len(use.input) != N:
            raise NotCovered(f"a layer got input of shape {tuple(use.input.shape)}, expected {N} samples along axis 0")
        if not use.input.is_inference() and use.input._version != use.version:
            raise NotCovered("the input of a layer is changed in place after the layer has read it")
    edges = [use.edge for use in watch.uses]
    # Converted, since torch 2.2 makes no identity of bfloat16.
    seeds = torch.eye(C, device=f.device).to(f.dtype)[:, None].expand(C, N, C)
    if are_samples_apart:
        return list(torch.autograd.grad(f, edges, seeds, is_grads_batched=True, allow_unused=True))
    probe = (1 + torch.arange(C, device=f.device) % 3).to(f.dtype)
    weights = 2.0 ** (torch.arange(N, device=f.device) % 4).to(f.dtype)
    seeds = torch.cat([seeds, (weights[:, None] * probe)[None]])
    found = torch.autograd.grad(f, edges, seeds, is_grads_batched=True, allow_unused=True, retain_graph=True)
    are_apart = all(δ is None or seem_apart(δ[:C], δ[C], probe, weights) for δ in found)
    if not are_apart and are_mixed(f, edges, probe):
        raise NotCovered("outputs of one sample depend on another, or axis 0 of a layer's input is not that of samples")
    return [None if δ is None else δ[:C] for δ in found]


def seem_apart(δ: Tensor, probed: Tensor, probe: Tensor, weights: Tensor) -> bool:
    """Whether sample n along the first axis is the only one that output n depends on, as far as rounding lets us see.

    Then a backward pass of `probe` with another weight for each sample is the sum of those for each output, times that
    weight. What mixes samples, or has them along another axis, is off by as much as the weights differ.
    """
    along = weights.reshape(-1, *[1] * (probed.dim() - 1))
    expected, size = (torch.tensordot(probe, each, 1) * along for each in (δ, δ.abs()))
    allowed = torch.finfo(δ.dtype).eps ** 0.5 * size.flatten(1).amax(1, keepdim=True)
    return not bool(((probed - expected).abs().flatten(1) > allowed).any())


def are_mixed(f: Tensor, edges: list[GradientEdge], probe: Tensor) -> bool:
    """Whether samples depend on each other, for certain: derivatives of some may not touch the rows of the others.

    What cancels, as two features do in a LayerNorm, leaves rounding alone, and says nothing of samples. Here nothing
    rounds: rows are zero or not. Some are those with a bit of their number set, or not set, for each bit.
    """
    numbers = torch.arange(len(f), device=f.device)
    bits = [numbers >> bit & 1 for bit in range((len(f) - 1).bit_length())]
    if not bits:
        return False
    chosen = torch.stack([side == value for side in bits for value in (0, 1)])
    seeds = chosen[:, :, None].to(f.dtype) * probe
    found = torch.autograd.grad(f, edges, seeds, is_grads_batched=True, allow_unused=True)
    return any(bool((δ[~chosen] != 0).any()) for δ in found if δ is not None)


def is_sequence(model: nn.Module) -> bool:
    """Whether the model is made of layers one after the other that are known to keep samples apart."""
    return all(
        type(module) in APART or (type(module) is nn.Flatten and module.start_dim != 0) for module in model.modules()
    )
