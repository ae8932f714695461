"""Whether a model's output for a sample depends on that sample alone, and is the same each time.

Else its Jacobian is not that of one sample after another, and methods differ without being wrong.

Both are looked for in the modules and then measured, since a `forward` can hold anything. Models are run with gradients
enabled throughout: a forward pass may compute some itself, as potentials do for forces.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from jaccheck.core import text_of
from jaccheck.errors import InvalidModel
from jaccheck.methods.copies import DIFFERENT_ROUNDINGS, check_copy, deep_copy, differ, largest, named, run
from jaccheck.methods.earlier_passes import depends_on_before
from jaccheck.methods.module_state import changed, state_of, walk
from jaccheck.methods.problem import Problem
from jaccheck.methods.steadiness import Steadiness, another, is_settled_by_eval

TRIED_ALONE = 8
"""Samples that are run alone, spread evenly over the batch, the first and the last among them."""

DIFFERENT = 2.0**-20
"""Of the largest output, in float64: far above what rounding does, far below what a batch's statistics do."""

PASSES = 3
"""Forward passes of which the last two must give the same: the first may change the model for good."""

_MANY = 64
"""Times as far as rounding moves an output: by less, a difference may be rounding's; `judging` looks closer."""


def check_modules(model: nn.Module) -> None:
    """Nothing, or InvalidModel for a module that is random, mixes samples, or belongs to BackPACK already."""
    for path, module in model.named_modules():
        name = f"{path or 'the model'} ({type(module).__name__})"
        if getattr(module, "_backpack_extend", False):
            raise InvalidModel(f"{name} has been extended by BackPACK; give a model that was not")
        random = (isinstance(module, _DropoutNd) and module.p > 0) or isinstance(module, nn.RReLU)
        if random and module.training:
            raise InvalidModel(f"{name} is in training mode and random; call model.eval() first")
        if isinstance(module, _BatchNorm) and (module.training or module.running_mean is None):
            helps = ["call model.eval()"] * module.training
            helps += ["make it with track_running_stats=True"] * (module.running_mean is None)
            raise InvalidModel(f"{name} mixes the samples of a batch; {' and '.join(helps)}")


def check_samples(problem: Problem) -> None:
    """Nothing, or InvalidModel where the model cannot be judged by copies that are run again and again.

    Its copy must be the model, its output the same in every pass and for each sample alone, and autograd must run.
    """
    if not problem.N:
        return
    known = torch.get_rng_state()
    try:
        with torch.inference_mode(False), torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _check_input(problem)
            steadiness = Steadiness(problem)
            try:
                check_copy(problem)
                _check_backward(problem)
                _check_passes(problem)
                _check_alone_or_memory(problem, steadiness)
            except InvalidModel:
                steadiness.check()  # what differs from itself differs from everything, and that is the reason then
                raise
    finally:
        torch.set_rng_state(known)


def _check_input(problem: Problem) -> None:
    """The model must leave X as it is: whoever calls it twice gives it another X the second time."""
    X, copied = problem.X.detach().clone(), deep_copy(problem.model)
    copied(X)
    before = dict(problem.model.named_parameters())
    if made := [problem.told(name) for name, _ in copied.named_parameters() if name not in before]:
        raise InvalidModel(
            f"the forward pass makes parameters ({named(made)}) that the model does not have "
            "before: run it once on a batch, and give it then"
        )
    if not torch.equal(X, problem.X.detach()):
        raise InvalidModel(
            "the forward pass writes into X, so that a second call gets another one: let it begin with x = x.clone(), "
            "or write x = x * 2 instead of x.mul_(2)"
        )
    try:
        run(deep_copy(problem.model), problem.X)
    except Exception as error:
        raise InvalidModel(f"the model does not run on an X that requires grad: {_reason(error)}") from error


def _check_backward(problem: Problem) -> None:
    model = deep_copy(problem.model)
    parameters = [p for p in model.parameters() if p.requires_grad]
    for which in ("the model", "a second pass of the model"):
        kept = [problem.told(name) for name, value in walk(model) if isinstance(value, Tensor) and not value.is_leaf]
        why = f"; {named(kept)} is kept from an earlier pass, and is not computed again" if kept else ""
        try:
            torch.autograd.grad(run(model, problem.X).sum(), parameters, allow_unused=True)
        except Exception as error:
            raise InvalidModel(f"torch.autograd.grad does not differentiate {which}: {_reason(error)}{why}") from error


def _check_passes(problem: Problem) -> None:
    model = deep_copy(problem.model)
    outputs, states, generators = [], [state_of(model)], [torch.get_rng_state()]
    for _ in range(PASSES):
        outputs.append(run(model, problem.X).detach())
        states.append(state_of(model))
        generators.append(torch.get_rng_state())
    names = [problem.told(name) for name in changed(states[-2], states[-1])]
    limit = DIFFERENT_ROUNDINGS * torch.finfo(outputs[0].dtype).eps * largest(outputs[0])
    if names and not differ(run(deep_copy(problem.model), problem.X), outputs[0], 0.0):
        limit = 0.0  # fresh copies give the same bits, so it is the state that changes them
    if outputs[-1].shape == outputs[-2].shape and not differ(outputs[-1], outputs[-2], limit):
        return
    is_random = not torch.equal(generators[-2], generators[-1])
    is_settled = is_settled_by_eval(problem, exactly=limit == 0.0)
    words = another(names=named(names), is_random=is_random, is_settled_by_eval=is_settled)
    raise InvalidModel(words)


def _check_alone_or_memory(problem: Problem, steadiness: Steadiness) -> None:
    try:
        _check_alone(problem, steadiness)
    except InvalidModel:
        X = problem.X
        if reason := depends_on_before(problem.model, lambda model, samples: run(model, X[samples]), problem.N):
            raise InvalidModel(reason) from None
        raise


def _check_alone(problem: Problem, steadiness: Steadiness) -> None:
    model, X = deep_copy(steadiness.model), steadiness.X
    f = run(model, X).detach()
    own = next(iter(problem.parameters.values())).dtype
    limit = (DIFFERENT if steadiness.is_double else DIFFERENT_ROUNDINGS * torch.finfo(own).eps) * largest(f)
    for n in sorted({round(i * (problem.N - 1) / (TRIED_ALONE - 1)) for i in range(TRIED_ALONE)}):
        alone = run_alone(model, X, n)
        if alone.shape != f[n : n + 1].shape:
            raise InvalidModel(
                f"one sample alone gives shape {tuple(alone.shape)}, expected {tuple(f[n : n + 1].shape)}: the model "
                "loses or joins axes, as squeeze() and view(-1) do; name the axis"
            )
        apart = largest(alone - f[n : n + 1])
        if differ(alone, f[n : n + 1], limit) and apart > _MANY * _moved(model, X[n : n + 1], alone):
            raise InvalidModel(
                f"the output for sample {n} is another one when it is run alone: outputs depend on "
                f"{_what_matters(model, X, n, f, limit)}, so per-sample methods compute something else"
            )


def _what_matters(model: nn.Module, X: Tensor, n: int, f: Tensor, limit: float) -> str:
    """What the output for sample `n` depends on, seen in a batch of nothing but that sample."""
    same = run(model, X[n : n + 1].expand(X.shape).clone()).detach()
    if same.shape != f.shape or differ(same[n], f[n], limit):
        return "other samples"
    if any(differ(row, f[n], limit) for row in same):
        return "the place of a sample in the batch"
    return "how many samples are in the batch"


def _moved(model: nn.Module, X: Tensor, f: Tensor) -> float:
    """How far the output moves where parameters are moved by a few roundings: by much where it is chaotic."""
    moved, farthest = deep_copy(model), 0.0
    generator = torch.Generator().manual_seed(0)
    for _ in range(PASSES):
        with torch.no_grad():
            for p, own in zip(moved.parameters(), model.parameters(), strict=True):
                if p.is_floating_point():
                    moves = torch.randn(p.shape, generator=generator).to(p)
                    p.copy_(own * (1 + 8 * torch.finfo(p.dtype).eps * moves))
        farthest = max(farthest, largest(run(moved, X).detach() - f))
    return farthest


def run_alone(model: nn.Module, X: Tensor, n: int) -> Tensor:
    """The output for one sample. Raises InvalidModel where the model fails on it."""
    try:
        return run(model, X[n : n + 1]).detach()
    except Exception as error:
        raise InvalidModel(f"the model does not run on sample {n} alone: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {text_of(error)}".split("\n")[0]
