"""The network of a live model as the oracle sees it, where it is made of nothing but layers with a bound rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import prod

import numpy as np
import torch
from torch import nn

from jaccheck.case import Embedding, Flatten, Linear, Placed, Shape
from jaccheck.core import text_of
from jaccheck.errors import InvalidCase
from jaccheck.judging.live.arithmetic import check_algorithm, check_dtype, check_torch
from jaccheck.judging.live.losses import end_of
from jaccheck.judging.live.parts import Part, bytes_of_one_row
from jaccheck.judging.live.reading import READ, layer_of
from jaccheck.methods import Adapter, Problem, loss_call_of
from jaccheck.oracle import Affine, Array, Network, NoRule, Step, WindowMax, steps_of

MOST_PRODUCTS = 2**26
"""Most products of inputs and outputs that all layers but plain Linears have together: the reference keeps two matrices
of them, which then take 1 GiB; those of a maximum pooling it makes anew for each sample."""

_HOOKS = tuple(name for name in vars(nn.Module()) if name.endswith("_hooks") and "state_dict" not in name)


def read(problem: Problem, memory: int) -> tuple[Network | None, str]:
    """The network of a live model or, where it cannot be judged by a closed form within so many bytes, None and why."""
    try:
        network = network_of(problem)
    except NoRule as reason:
        return None, str(reason)
    if (needed := bytes_of_one_row(problem, network)) > memory:
        return None, f"the closed form of a single sample, which takes {needed / 2**30:.1f} GiB"
    return network, ""


def network_of(problem: Problem) -> Network:
    """The network of a live model; modules of exactly the types with a rule, called by `nn.Sequential` and no other.

    Raises NoRule for anything else: a subclass, a hook, a shared parameter, arithmetic coarser than the dtype says, too
    large a map, a module that is not as its attributes say.
    """
    call = loss_call_of(problem)
    inner = problem if call is None else Problem(call.model, call.X, 1)
    X, steps, shape = _chain(inner)
    trainable = {name: tuple(p.shape) for name, p in inner.parameters.items()}
    if call is not None:
        return Network(X, steps, trainable, 1, prod(shape), loss=end_of(call, shape))
    if not trainable or prod(shape) != problem.C:
        raise NoRule(f"output of shape {shape}")
    return Network(X, steps, trainable, problem.C, problem.C)


def _chain(problem: Problem) -> tuple[Array, tuple[Step, ...], Shape]:
    """The input as the oracle sees it, the steps, and the shape of what comes out for each sample."""
    model = problem.model
    if isinstance(model, Adapter):
        raise NoRule(f"the model ({type(problem.own).__name__}) with {model.words}")
    if len(list(model.named_parameters(remove_duplicate=False))) > len(list(model.parameters())):
        raise NoRule("a parameter that two modules share")
    check_dtype(problem)
    check_torch(problem)
    leaves = list(_leaves(model, ""))
    steps: list[Step] = []
    shape, products = tuple(problem.X.shape[1:]), 0
    X = _input(problem, leaves[0][1] if leaves else None)
    for path, module in leaves:
        try:
            place = _placed(path, module, shape)
            check_algorithm(place.layer, problem)
            products += place.layer.products(place.in_shape, place.out_shape)
            if products > MOST_PRODUCTS:
                raise NoRule(f"from {place.in_shape} to {place.out_shape} is too large a map")
            if isinstance(place.layer, Embedding) and steps:
                raise NoRule("takes what is computed")
            steps += _checked(steps_of(place, _numbers_of(path, module)))
        except (NoRule, InvalidCase) as reason:
            raise NoRule(f"{path or 'the model'} ({type(module).__name__}) {reason}") from None
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
            # Attributes can be anything by now; what torch makes of them is its own.
            raise NoRule(f"{path or 'the model'} ({type(module).__name__}) as it stands: {text_of(error)}") from None
        shape = place.out_shape
    return X, tuple(steps), shape


def part_of(network: Network, part: Part) -> Network:
    """The network of a part of the samples and outputs."""
    X, end = network.X[part.samples.start : part.samples.stop], network.loss
    if end is not None:
        end = replace(end, y=end.y[part.samples.start : part.samples.stop])
    return replace(network, X=X, C=len(part.outputs), first=part.outputs.start, loss=end)


def _leaves(module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
    """Every module that computes, in order; refuses what does not do exactly what its type says."""
    place = f"{path or 'the model'} ({type(module).__name__})"
    if type(module) not in (nn.Sequential, nn.Unflatten, *READ):
        raise NoRule(place)
    if "forward" in vars(module) or any(getattr(module, kind) for kind in _HOOKS):
        raise NoRule(f"{place} with hooks")
    if any(p._backward_hooks for p in module.parameters(recurse=False)):
        raise NoRule(f"{place} with hooks on its parameters")
    if more := module._parameters.keys() - {"weight", "bias"}:
        raise NoRule(f"{place} with a parameter {min(more)}")
    if isinstance(module, nn.Sequential):
        for name, child in module._modules.items():
            if child is not None:
                yield from _leaves(child, f"{path}.{name}" if path else name)
    else:
        yield path, module


def _input(problem: Problem, first: nn.Module | None) -> Array:
    """A row of features for each sample; the indices that an Embedding takes as ones among zeros."""
    rows = _numbers(problem.X).reshape(problem.N, -1)
    if isinstance(first, nn.Embedding):
        if problem.X.dtype.is_floating_point or rows.size * first.num_embeddings > MOST_PRODUCTS:
            raise NoRule(f"input of {problem.X.dtype} for {first.num_embeddings} rows of an Embedding")
        hot = np.zeros((rows.size, first.num_embeddings))
        hot[np.arange(rows.size), rows.ravel().astype(np.int64)] = 1
        return hot.reshape(problem.N, -1)
    if str(problem.X.dtype) != f"torch.{problem.dtype}":
        raise NoRule(f"input of {problem.X.dtype}")
    return rows


def _placed(path: str, module: nn.Module, shape: Shape) -> Placed:
    """The layer where it stands; an Unflatten, which moves no number either, passes for a Flatten."""
    if isinstance(module, nn.Unflatten):
        out = module(torch.empty((1, *shape), device="meta")).shape[1:]
        return Placed(path, Flatten(), shape, tuple(out))
    layer = layer_of(module, shape)
    # The width of a Linear is limited in a case, and not here.
    out = (*shape[:-1], layer.out_features) if isinstance(layer, Linear) else layer.output_shape(shape)
    place = Placed(path, layer, shape, tuple(out))
    own = {name: tuple(p.shape) for name, p in module.named_parameters(recurse=False)}
    if own != place.parameters:
        raise NoRule(f"with parameters {own}, expected {place.parameters}")
    return place


def _checked(steps: Iterator[Step]) -> Iterator[Step]:
    for step in steps:
        if isinstance(step, WindowMax) and (step.windows < 0).all(axis=1).any():
            raise NoRule("with a window of nothing but padding")
        if isinstance(step, Affine) and not (
            np.isfinite(step.W).all() and (step.b is None or np.isfinite(step.b).all())
        ):
            raise NoRule("with numbers that are not finite")
        yield step


def _numbers_of(path: str, module: nn.Module) -> Mapping[str, Array]:
    own = {**dict(module.named_parameters(recurse=False)), **dict(module.named_buffers(recurse=False))}
    return {f"{path}.{name}": _numbers(tensor) for name, tensor in own.items()}


def _numbers(tensor: torch.Tensor) -> Array:
    return tensor.detach().to("cpu", torch.float64).resolve_neg().numpy()
