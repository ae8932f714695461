"""Mutants of value that show only where sizes, layers, options or inputs are of a certain kind."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn

from jaccheck.methods import Compute, Jacobians, Problem
from jaccheck.selftest.mutants.registry import Trigger, mutant, stateful_mutant

agreement = frozenset({"agreement"})

CHUNK = 64
WIDE = 128
RARE_WIDTH = 11
DEEP = 8


def layers(problem: Problem) -> list[nn.Module]:
    """All modules that are no Sequential."""
    return [module for module in problem.model.modules() if not isinstance(module, nn.Sequential)]


def linears(problem: Problem) -> list[nn.Linear]:
    """All Linear layers."""
    return [module for module in problem.model.modules() if isinstance(module, nn.Linear)]


def has(kind: type[nn.Module]) -> Trigger:
    """Whether there is a layer of that kind."""
    return lambda problem: any(isinstance(module, kind) for module in problem.model.modules())


def with_layers(problem: Problem, change: Callable[[nn.Module], nn.Module]) -> Problem:
    """The same problem with a copy of the network in which every layer is `change(layer)`."""
    model = deepcopy(problem.model)
    for parent in [module for module in model.modules() if isinstance(module, nn.Sequential)]:
        for name, child in parent.named_children():
            parent[int(name)] = change(child)
    return Problem(model, problem.X, problem.C)


class Elementwise(nn.Module):
    """A layer that applies a function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, z: Tensor) -> Tensor:
        """The function's value."""
        return self.function(z)


def has_frozen(problem: Problem) -> bool:
    """Whether a parameter requires no gradient."""
    return any(not p.requires_grad for p in problem.model.parameters())


def _twice(J: Jacobians) -> Jacobians:
    return {name: 2 * j for name, j in J.items()}


@mutant(expected=agreement, when=lambda problem: problem.N == problem.C > 1)
def samples_for_outputs_when_equal(problem: Problem, J: Jacobians) -> Jacobians:
    """N and C are swapped where they are equal, so that the shape is right."""
    return {name: j.transpose(0, 1).contiguous() for name, j in J.items()}


def _is_square(θ: Tensor) -> bool:
    return θ.dim() == 2 and θ.shape[0] == θ.shape[1] > 1


@mutant(expected=agreement, when=lambda problem: any(map(_is_square, problem.parameters.values())))
def transposed_square_weight(problem: Problem, J: Jacobians) -> Jacobians:
    """Square weights are transposed."""
    θ = problem.parameters
    return {name: j.transpose(2, 3).contiguous() if _is_square(θ[name]) else j for name, j in J.items()}


def _first_twins(problem: Problem) -> tuple[str, str] | None:
    """The first two parameters of the same shape."""
    seen: dict[tuple[int, ...], str] = {}
    for name, p in problem.parameters.items():
        if (shape := tuple(p.shape)) in seen:
            return seen[shape], name
        seen[shape] = name
    return None


@mutant(expected=agreement, when=lambda problem: _first_twins(problem) is not None)
def layers_of_same_shape_swapped(problem: Problem, J: Jacobians) -> Jacobians:
    """The Jacobians of the first two parameters of the same shape are swapped."""
    if twins := _first_twins(problem):
        one, other = twins
        J[one], J[other] = J[other], J[one]
    return J


@mutant(expected=agreement, when=lambda problem: problem.N > CHUNK)
def beyond_first_chunk_of_samples(problem: Problem, J: Jacobians) -> Jacobians:
    """Samples beyond the 64th are forgotten."""
    for j in J.values():
        j[CHUNK:] = 0
    return J


@mutant(expected=agreement, when=lambda problem: any(max(p.shape) > WIDE for p in problem.parameters.values()))
def beyond_width_of_a_block(problem: Problem, J: Jacobians) -> Jacobians:
    """Of layers wider than 128 the last columns or rows are forgotten."""
    for j in J.values():
        for axis in range(2, j.dim()):
            j.transpose(0, axis)[WIDE:] = 0
    return J


@mutant(expected=agreement, when=lambda problem: problem.C > CHUNK)
def beyond_first_chunk_of_outputs(problem: Problem, J: Jacobians) -> Jacobians:
    """Outputs beyond the 64th are forgotten."""
    for j in J.values():
        j[:, CHUNK:] = 0
    return J


def _has_squares_out_of_range(problem: Problem) -> bool:
    X = problem.X.detach()
    if not X.is_floating_point() or not X.numel():
        return False
    squares = (X * X).sum()
    return bool(X.any()) and not bool(squares.isfinite() & (squares > 0))


@mutant(expected=agreement, when=_has_squares_out_of_range)
def normalised_by_squares(problem: Problem, J: Jacobians) -> Jacobians:
    """Divided and multiplied by the sum of squares of the batch, which overflows above 10¹⁹ and is 0 below 10⁻²³."""
    squares = (problem.X.detach() ** 2).sum()
    return {name: j * (squares / squares).to(j.dtype) for name, j in J.items()}


@mutant(expected=agreement, when=lambda problem: problem.C == 1)
def single_output(problem: Problem, J: Jacobians) -> Jacobians:
    """Wrong by a factor of two where C = 1."""
    return _twice(J)


@mutant(expected=agreement, when=lambda problem: problem.N == 1)
def single_sample(problem: Problem, J: Jacobians) -> Jacobians:
    """Wrong by a factor of two where N = 1."""
    return _twice(J)


@mutant(expected=agreement, when=lambda problem: any(RARE_WIDTH in p.shape for p in problem.parameters.values()))
def rare_width(problem: Problem, J: Jacobians) -> Jacobians:
    """Layers of width 11 have the wrong sign."""
    return {name: -j if RARE_WIDTH in j.shape[2:] else j for name, j in J.items()}


@mutant(expected=agreement, when=lambda problem: any(layer.in_features == 1 for layer in linears(problem)))
def one_feature(problem: Problem, J: Jacobians) -> Jacobians:
    """Layers of one input have the Jacobian zero."""
    return {name: torch.zeros_like(j) if j.dim() == 4 and j.shape[3] == 1 else j for name, j in J.items()}


@mutant(expected=agreement, when=lambda problem: any(layer.bias is None for layer in linears(problem)))
def without_bias(problem: Problem, J: Jacobians) -> Jacobians:
    """Wrong by a factor of two where a layer has no bias."""
    return _twice(J)


@mutant(
    expected=agreement,
    when=has_frozen,
)
def frozen_parameters(problem: Problem, J: Jacobians) -> Jacobians:
    """Below a frozen parameter nothing is backpropagated."""
    first = next(iter(J))
    return {name: torch.zeros_like(j) if name == first else j for name, j in J.items()}


@mutant(expected=agreement, when=lambda problem: len(linears(problem)) > DEEP)
def deep_network(problem: Problem, J: Jacobians) -> Jacobians:
    """In networks of more than eight Linear layers the first ones are forgotten."""
    kept = list(J)[-2 * DEEP :]
    return {name: j if name in kept else torch.zeros_like(j) for name, j in J.items()}


def _nested(name: str) -> bool:
    return name.count(".") > 1


@mutant(expected=agreement, when=lambda problem: any(map(_nested, problem.parameters)))
def nested_layers(problem: Problem, J: Jacobians) -> Jacobians:
    """Layers inside an inner Sequential count twice."""
    return {name: 2 * j if _nested(name) else j for name, j in J.items()}


@mutant(expected=agreement, when=lambda problem: isinstance(layers(problem)[-1], nn.Flatten))
def flat_output(problem: Problem, J: Jacobians) -> Jacobians:
    """Where a Flatten is the last layer, samples come in reverse order."""
    return {name: j.flip(0) for name, j in J.items()}


def _repeats_earlier_sample(X: Tensor) -> Tensor:
    x = X.detach().flatten(1)
    return (x[:, None] == x[None]).all(2).tril(-1).any(1)


@mutant(expected=agreement, when=lambda problem: bool(_repeats_earlier_sample(problem.X).any()))
def duplicated_samples(problem: Problem, J: Jacobians) -> Jacobians:
    """Of equal samples only the first has a Jacobian."""
    repeated = _repeats_earlier_sample(problem.X)
    for j in J.values():
        j[repeated] = 0
    return J


def _can_be_misread(problem: Problem) -> bool:
    X = problem.X
    return not X.is_contiguous() and X.untyped_storage().nbytes() >= X.numel() * X.element_size()


@stateful_mutant(expected=agreement, when=_can_be_misread)
def strided_input(compute: Compute) -> Compute:
    """The input's memory is read as if it were contiguous."""

    def mutated(problem: Problem) -> Jacobians:
        contiguous = torch.empty(problem.X.shape).stride()
        misread = problem.X.detach().as_strided(problem.X.shape, contiguous)
        return compute(Problem(problem.model, misread, problem.C))

    return mutated


@mutant(expected=agreement, when=lambda problem: problem.X.requires_grad)
def input_that_requires_grad(problem: Problem, J: Jacobians) -> Jacobians:
    """Wrong by a factor of two where the input requires a gradient."""
    return _twice(J)


@stateful_mutant(expected=agreement, base="autograd_batched", when=has(nn.ReLU))
def slope_at_the_kink(compute: Compute) -> Compute:
    """ReLU's slope at 0 is taken as 1, not 0."""
    relu = Elementwise(lambda z: torch.where(z >= 0, z, 0))
    return lambda problem: compute(with_layers(problem, lambda layer: relu if isinstance(layer, nn.ReLU) else layer))


@stateful_mutant(expected=agreement, when=has(nn.LeakyReLU))
def slope_of_leaky_relu(compute: Compute) -> Compute:
    """LeakyReLU's slope is always the default 0.01."""
    return lambda problem: compute(
        with_layers(problem, lambda layer: nn.LeakyReLU() if isinstance(layer, nn.LeakyReLU) else layer)
    )


@stateful_mutant(expected=agreement, when=has(nn.ELU))
def alpha_of_elu(compute: Compute) -> Compute:
    """ELU's α is always the default 1."""
    return lambda problem: compute(with_layers(problem, lambda layer: nn.ELU() if isinstance(layer, nn.ELU) else layer))


@stateful_mutant(expected=agreement, when=has(nn.SELU))
def scale_of_selu(compute: Compute) -> Compute:
    """SELU without its scale."""
    elu = nn.ELU(1.6732632423543772)
    return lambda problem: compute(with_layers(problem, lambda layer: elu if isinstance(layer, nn.SELU) else layer))


@stateful_mutant(expected=agreement, base="autograd_batched", when=has(nn.LogSigmoid))
def overflowing_log_sigmoid(compute: Compute) -> Compute:
    """LogSigmoid as −log(1 + e⁻ᶻ), which overflows for very negative z."""
    naive = Elementwise(lambda z: -torch.log(1 + torch.exp(-z)))
    return lambda problem: compute(
        with_layers(problem, lambda layer: naive if isinstance(layer, nn.LogSigmoid) else layer)
    )


@stateful_mutant(expected=agreement, base="autograd_batched", when=has(nn.Dropout))
def dropout_that_scales(compute: Compute) -> Compute:
    """Dropout multiplies by 1 − p in evaluation, as it did before it was inverted."""

    def change(layer: nn.Module) -> nn.Module:
        return Elementwise(lambda z: z * (1 - layer.p)) if isinstance(layer, nn.Dropout) else layer

    return lambda problem: compute(with_layers(problem, change))
