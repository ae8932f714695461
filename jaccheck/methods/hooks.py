"""`hooks`: the Jacobians of a live model of any shape, from the inputs of its functions and one batched backward pass.

While the model runs, torch's functions that take parameters are watched: `(f, y, input)` is kept of each. One batched
backward pass then yields δ, the derivative of all C outputs by every y; samples do not touch each other, so a unit
vector for all samples at once is a unit vector for each. The rule of each function (`rules/`) writes the Jacobian
from δ and its input straight into place. Where a function takes not a parameter but what was made of parameters alone,
that Jacobian is carried on to the parameters by autograd. Nothing is attached to the model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from jaccheck.errors import NotCovered
from jaccheck.methods.calls import has_backward_hooks, is_called_otherwise
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import method
from jaccheck.methods.samples import Layout
from jaccheck.methods.watch import Watch
from jaccheck.methods.watched_graph import backpropagate, carry_on, check_parameters

WEIGHTED = (
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    nn.LayerNorm,
)
APART = (
    *WEIGHTED,
    *(nn.GroupNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.Embedding),
    *(nn.Sequential, nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d),
    *(nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Softplus, nn.ReLU6, nn.Hardtanh),
    *(nn.Tanh, nn.Sigmoid, nn.LogSigmoid, nn.Mish, nn.Softsign, nn.Hardswish),
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
)
"""A network of these and Flatten keeps samples apart, along the first axis; of any other this is checked as it runs."""

WITHOUT_RULES = (nn.RNNBase, nn.RNNCellBase, nn.EmbeddingBag)
"""Modules with parameters whose function has no rule."""


def _beyond(problem: Problem) -> str | None:
    """What `hooks` does not cover, as far as modules show it."""
    for path, module in problem.model.named_modules():
        name = path or "the model"
        own = {key: p for key, p in module._parameters.items() if p is not None and p.requires_grad}
        if own and isinstance(module, WITHOUT_RULES):
            return f"{name} is {type(module).__name__} and has trainable parameters; there is no rule for its function"
        if reason := _beyond_module(module, own):
            return f"{name} {reason}"
    kinds = {p.dtype for p in problem.parameters.values()}
    if not all(dtype.is_floating_point for dtype in kinds):
        return f"parameters are {', '.join(sorted(map(str, kinds)))}; it covers real ones"
    return None


def _beyond_module(module: nn.Module, own: dict[str, nn.Parameter]) -> str:
    if has_backward_hooks(module) or any(p._backward_hooks for p in own.values()):
        return "has hooks that a backward pass would call"
    if isinstance(module, _BatchNorm) and (module.training or module.running_mean is None):
        return "takes its statistics from the batch, so that samples depend on each other"
    if isinstance(module, nn.Embedding) and (module.max_norm or module.scale_grad_by_freq):
        return "is an Embedding with max_norm or scale_grad_by_freq, whose gradient is no plain derivative"
    if isinstance(module, torch.jit.ScriptModule) or hasattr(module, "_orig_mod"):
        return "is compiled, so that its calls cannot be watched"
    return ""


def _spreads(problem: Problem) -> bool:
    """Where layers are not known to keep samples apart, one backward pass goes through all of them for each sample."""
    return not is_sequence(problem.model)


@method(family="hooks", unsupported=_beyond, spreads=_spreads)
def hooks(problem: Problem, *, out: Jacobians | None = None) -> Jacobians:
    """One batched backward pass to the outputs of all layers, then outer products with their inputs, in place."""
    θ, N, C = problem.parameters, problem.N, problem.C
    if N == 0:
        return out or {name: p.new_empty(N, C, *p.shape) for name, p in θ.items()}
    watch, δs = watched(problem, θ)
    with torch.no_grad():
        J = out or {name: p.new_empty(N, C, *p.shape) for name, p in θ.items()}
        written: set[str] = set()
        made: dict[int, Tensor] = {}
        for use, found in zip(watch.uses, δs, strict=True):
            if found is not None:
                δ, layout = found
                for parameter, write in use.parts:
                    key = id(parameter)
                    name = watch.names.get(key, "")
                    share = J[name] if name and name not in written else parameter.new_empty(N, C, *parameter.shape)
                    write(δ if δ.dtype == parameter.dtype else δ.to(parameter.dtype), share, layout)
                    if not name:
                        made[key] = made[key].add_(share) if key in made else share
                    elif name in written:
                        J[name].add_(share)
                    else:
                        written.add(name)
        if made:
            carry_on([watch.derived[key] for key in made], [*made.values()], θ, J, written)
        for name in J.keys() - written:
            J[name].zero_()
    return J


def watched(problem: Problem, θ: dict[str, nn.Parameter]) -> tuple[Watch, list[tuple[Tensor, Layout] | None]]:
    """A watch that the model was run under, and for each of its uses δ, where any output depends on it."""
    is_strict, constants = False, frozenset[int]()
    while True:
        watch = Watch(θ, problem.X, problem.told, is_strict=is_strict, expansions_of_constants=constants)
        with torch.enable_grad(), watch:
            f = problem.model(problem.X).reshape(problem.N, problem.C)
        with torch.no_grad():
            check_parameters(f, watch)
            δs, unclear = backpropagate(f, watch.uses, are_samples_apart=is_sequence(problem.model))
        if not unclear:
            return watch, δs
        # What has been taken for samples is none: run once more, and take it for constant.
        if guesses := {use.turn for use in unclear if use.turn is not None}:
            constants |= guesses
        elif not is_strict:
            is_strict = True
        elif guesses := {use.turn for use in watch.uses if use.turn is not None}:
            constants |= guesses
        else:
            shape = unclear[0].shape
            raise NotCovered(
                f"outputs of one sample depend on another, or samples do not lie along an axis of what a function of "
                f"{watch.name_of(unclear[0])} returns, of shape {tuple(shape)}"
            )


def is_sequence(model: nn.Module) -> bool:
    """Whether the model is made of layers one after the other that are known to keep samples apart.

    Of layers with weights that are trained the rules look at the input; others may get it without an axis of samples.
    """
    return all(_is_apart(module) for module in model.modules())


def _is_apart(module: nn.Module) -> bool:
    if type(module) is nn.Flatten:
        return module.start_dim != 0
    if type(module) in WEIGHTED and not (module.weight is not None and module.weight.requires_grad):
        return False
    return type(module) in APART and not is_called_otherwise(module)
