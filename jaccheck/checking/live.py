"""The network of a live model as the oracle sees it, where it is made of nothing but layers with a bound rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite

import torch
from torch import nn

from jaccheck.case import ELU, SELU, LeakyReLU, LogSigmoid, ReLU, Sigmoid, Tanh
from jaccheck.checking.parts import Part
from jaccheck.oracle import Affine, Network
from jaccheck.oracle.arithmetic import Array
from jaccheck.oracle.network import Activation
from jaccheck.problem import Problem

_HOOKS = tuple(name for name in vars(nn.Module()) if name.endswith("_hooks") and "state_dict" not in name)
_PLAIN = {nn.ReLU: ReLU, nn.SELU: SELU, nn.LogSigmoid: LogSigmoid, nn.Sigmoid: Sigmoid, nn.Tanh: Tanh}


class NoRule(Exception):
    """Something in the model has no bound rule; the message names it."""


def network_of(problem: Problem) -> Network:
    """The network of a live model; modules of exactly the types with a rule, called by `nn.Sequential` and no other.

    Raises NoRule for anything else: a subclass, a hook, a shared parameter, arithmetic coarser than the dtype says.
    """
    model = problem.model
    if problem.dtype == "float32" and torch.get_float32_matmul_precision() != "highest":
        raise NoRule(f"matrix products in float32 of {torch.get_float32_matmul_precision()!r} precision")
    if problem.X.dtype != next(iter(problem.parameters.values())).dtype:
        raise NoRule(f"input of dtype {problem.X.dtype}")
    if len(list(model.named_parameters(remove_duplicate=False))) > len(list(model.parameters())):
        raise NoRule("a parameter that two modules share")
    trainable = {name: tuple(p.shape) for name, p in problem.parameters.items()}
    steps = tuple(_steps(model, problem))
    ruled = {name for step in steps if isinstance(step, Affine) for name in (step.weight, step.bias)}
    if not trainable.keys() <= ruled:
        raise NoRule(f"parameter {next(name for name in trainable if name not in ruled)}")
    return Network(_numbers(problem.X).reshape(problem.N, -1), steps, trainable, problem.C, problem.C)


def part_of(network: Network, part: Part) -> Network:
    """The network of a part of the samples and outputs."""
    X = network.X[part.samples.start : part.samples.stop]
    return replace(network, X=X, C=len(part.outputs), first=part.outputs.start)


def _steps(model: nn.Module, problem: Problem) -> Iterator[Affine | Activation]:
    axes = problem.X.dim()
    for path, module in _leaves(model, ""):
        name = f"{path or 'the model'} ({type(module).__name__})"
        if isinstance(module, nn.Linear):
            if axes != 2:
                raise NoRule(f"{name} on an input of {axes} axes")
            yield Affine(path, _numbers(module.weight), None if module.bias is None else _numbers(module.bias))
        elif isinstance(module, nn.Flatten):
            if module.end_dim != -1 or module.start_dim not in ((0, 1) if problem.C == 1 else (1,)):
                raise NoRule(f"{name} from {module.start_dim} to {module.end_dim}")
            axes = module.start_dim + 1
        elif isinstance(module, nn.LeakyReLU | nn.ELU):
            yield _with_slope(module, name)
        elif type(module) in _PLAIN:
            yield _PLAIN[type(module)]()


def _with_slope(module: nn.LeakyReLU | nn.ELU, name: str) -> Activation:
    slope = float(module.negative_slope if isinstance(module, nn.LeakyReLU) else module.alpha)
    if not isfinite(slope):
        raise NoRule(f"{name} with slope {slope}")
    return LeakyReLU(negative_slope=slope) if isinstance(module, nn.LeakyReLU) else ELU(alpha=slope)


_COVERED = (nn.Linear, nn.Flatten, nn.Identity, nn.Dropout, nn.LeakyReLU, nn.ELU, *_PLAIN)


def _leaves(module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
    """Every module that computes, in order; refuses what does not do exactly what its type says."""
    place = f"{path or 'the model'} ({type(module).__name__})"
    if type(module) is not nn.Sequential and type(module) not in _COVERED:
        raise NoRule(place)
    if "forward" in vars(module) or any(getattr(module, kind) for kind in _HOOKS):
        raise NoRule(f"{place} with hooks")
    if any(p._backward_hooks for p in module.parameters(recurse=False)):
        raise NoRule(f"{place} with hooks on its parameters")
    if isinstance(module, nn.Dropout) and module.training and module.p:
        raise NoRule(f"{place} in training mode")
    if isinstance(module, nn.Sequential):
        for name, child in module._modules.items():
            if child is not None:
                yield from _leaves(child, f"{path}.{name}" if path else name)
    else:
        yield path, module


def _numbers(tensor: torch.Tensor) -> Array:
    return tensor.detach().to("cpu", torch.float64).numpy()
