"""A user's own network and batch as a `Problem`, given as objects or as `FILE.py:FUNCTION`."""

from __future__ import annotations

import copy
import importlib.util
import sys
from math import prod
from pathlib import Path

import torch
from torch import Tensor, nn

from jaccheck.case import DTYPES
from jaccheck.errors import InvalidModel
from jaccheck.methods.problem import Problem
from jaccheck.methods.sample_wise import check_modules, check_samples


def problem_of(model: nn.Module, X: Tensor) -> Problem:
    """The problem of a model and a batch `[N, ...]`; its output `[N, *]` counts as `[N, C]`, flattened.

    The model is looked at and run on a copy: whether its outputs are those of each sample alone, and what C is. Raises
    InvalidModel for what has no batched Jacobian.
    """
    if not isinstance(model, nn.Module):
        raise InvalidModel(f"model is {type(model).__name__}, expected a torch.nn.Module")
    if not isinstance(X, Tensor) or X.dim() == 0:
        found = f"a tensor of shape {tuple(X.shape)}" if isinstance(X, Tensor) else type(X).__name__
        raise InvalidModel(f"X is {found}, expected a tensor [N, ...], one row for each sample")
    problem = Problem(model, X, 1)
    _check_parameters(problem)
    check_modules(model)
    for name, tensor in (*model.named_parameters(), ("X", X)):
        if not bool(torch.isfinite(tensor.detach()).all()):
            raise InvalidModel(f"{name} holds NaN or infinite numbers: nothing could be compared")
    problem.C = prod(_output(problem).shape[1:])
    check_samples(problem)
    return problem


def _check_parameters(problem: Problem) -> None:
    if not problem.parameters:
        raise InvalidModel("the model has no trainable parameter: nothing to differentiate by")
    kinds = sorted({str(p.dtype).removeprefix("torch.") for p in problem.parameters.values()})
    if len(kinds) > 1:
        raise InvalidModel(f"the model's parameters have dtypes {', '.join(kinds)}, expected one")
    if kinds[0] not in DTYPES:
        raise InvalidModel(f"the model's parameters are {kinds[0]}, expected one of {', '.join(DTYPES)}")
    places = sorted({str(p.device) for p in problem.model.parameters()} | {problem.device})
    if len(places) > 1 or places == ["meta"]:
        raise InvalidModel(f"the model and X are on {' and '.join(places)}, expected one device that computes")


def _output(problem: Problem) -> Tensor:
    """What the model returns for X, from a run on a copy."""
    try:
        copied = copy_of(problem)
    except Exception as error:
        raise InvalidModel(f"the model cannot be copied with copy.deepcopy: {_reason(error)}") from error
    try:
        f = copied.model(copied.X)
    except Exception as error:
        raise InvalidModel(
            f"the model does not run on X of shape {tuple(problem.X.shape)}: {_reason(error)}"
        ) from error
    if isinstance(f, tuple | list) and f and all(isinstance(head, Tensor) for head in f):
        shapes = " and ".join(str(tuple(head.shape)) for head in f)
        raise InvalidModel(
            f"the model returns {len(f)} heads, of shapes {shapes}, expected one tensor [N, ...]: wrap it in a module "
            "that returns torch.cat([head.flatten(1) for head in heads], dim=1), or just the head to be checked"
        )
    if not isinstance(f, Tensor):
        raise InvalidModel(f"the model returns {type(f).__name__}, expected a tensor [N, ...]")
    if f.dim() == 0 or len(f) != problem.N:
        raise InvalidModel(f"the model returns shape {tuple(f.shape)}, expected [N, ...] with N = len(X) = {problem.N}")
    if not f.is_floating_point() or not f.requires_grad:
        raise InvalidModel(f"the model's output, {f.dtype}, has no derivative by its parameters")
    return f.detach()


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0]


def copy_of(problem: Problem) -> Problem:
    """The same problem in tensors of its own, so that a method may do to it what it likes."""
    X = problem.X.detach().clone().requires_grad_(problem.X.requires_grad)
    return Problem(copy.deepcopy(problem.model), X, problem.C)


def load_problem(place: str) -> Problem:
    """The problem that FUNCTION of `FILE.py:FUNCTION` returns as `(model, X)`. Runs that file. Raises InvalidModel."""
    file, colon, function = place.rpartition(":")
    path = Path(file)
    if not colon or not function.isidentifier() or path.suffix != ".py":
        raise InvalidModel(f"{place!r} does not name a function; expected FILE.py:FUNCTION, as in model.py:make")
    if not path.is_file():
        raise InvalidModel(f"{file}: there is no such file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
        made = getattr(module, function)
        pair = made()
    except AttributeError as error:
        if hasattr(module, function):
            raise InvalidModel(f"{place} raised AttributeError: {error}") from error
        raise InvalidModel(f"{file} has no function {function!r}") from None
    except Exception as error:
        raise InvalidModel(f"{place} raised {type(error).__name__}: {error}".split("\n")[0]) from error
    finally:
        sys.path.remove(str(path.resolve().parent))
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise InvalidModel(f"{place} returned {type(pair).__name__}, expected the pair (model, X)")
    return problem_of(*pair)
