"""`hooks` equals autograd on networks of every form, leaves nothing behind, and keeps samples apart."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from jaccheck_support.hooks import HOOKS, Checkpointed, check, integers, problem_of
from torch import Tensor, nn
from torch.nn import functional

from jaccheck.methods import Problem


class Skip(nn.Module):
    """Both branches read x, and the sum goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4, bias=False), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x) + x
        return self.c(torch.relu(self.b(h)) * h + h)


class InPlace(nn.Module):
    """What layers return is changed in place."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        h += x
        f = self.b(h.relu_())
        f *= 2
        f[:, 0] += 1
        return f


class Shared(nn.Module):
    """One layer three times, and a second one with its weight."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.b.weight = self.a.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(torch.relu(self.a(x))) - self.a(x))


class Unused(nn.Module):
    """One layer is never called, the result of another never used."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 2), nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        self.b(x)
        return self.c(x)


class Rowwise(nn.Module):
    """The output has three dimensions, and a layer's input has been transposed and reshaped within each sample."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x.view(-1, 4, 3)).transpose(1, 2))


class ByHand(nn.Module):
    """The layers' parameters go into functions directly."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(input=functional.linear(x, self.a.weight), bias=self.b.bias, weight=self.b.weight)


class Repeated(nn.Module):
    """A hooked layer, that returns twice what it computed, and once more."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)
        self.a.register_forward_hook(lambda module, given, returned: 2 * returned)
        self.b.register_forward_pre_hook(lambda module, given: (given[0] + 1,))

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x))


class Uses(nn.Module):
    """A layer's parameters once more, otherwise than by the layer."""

    def __init__(self, use: Callable[[nn.Linear, Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.use = nn.Linear(4, 4), use

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x) + self.use(self.a, x)


class Disabled(nn.Module):
    """No gradient comes to one layer, as autograd has it."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            h = self.a(x)
        return self.b(h)


class Scaled(nn.Linear):
    """A subclass, with a parameter that no Linear has."""

    def __init__(self) -> None:
        super().__init__(4, 4)
        self.extra = nn.Parameter(torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.extra * super().forward(x)


FORMS: dict[str, Callable[[], nn.Module]] = {
    "skip": Skip,
    "in place": InPlace,
    "shared": Shared,
    "unused": Unused,
    "by hand": ByHand,
    "forward hooks": Repeated,
    "checkpoint": lambda: Checkpointed(reentrant=False),
    "one layer": lambda: nn.Linear(4, 2),
    "ReLU in place": lambda: nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True), nn.Linear(4, 2)),
    "called twice": lambda: nn.Sequential(*[nn.Linear(4, 4)] * 3),
    "product": lambda: Uses(lambda layer, x: x * layer.bias),
    "matrix product": lambda: Uses(lambda layer, x: x @ layer.weight),
    "transposed": lambda: Uses(lambda layer, x: functional.linear(x, layer.weight.t())),
    "row of a product": lambda: Uses(lambda layer, x: functional.linear(layer.weight, layer.weight)[0]),
    "penalty": lambda: Uses(lambda layer, x: layer.weight.square().sum()),
    "no_grad": Disabled,
    "subclass": Scaled,
    "output [N]": lambda: nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)),
}


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_networks_of_every_form(form: str, requires_grad: bool) -> None:
    """Equal to autograd, whether the input requires a gradient or not."""
    check(FORMS[form](), integers(5, 4).requires_grad_(requires_grad))


class Pairs(nn.Module):
    """Two features, normalised: what comes back through them cancels, and only rounding is left."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.norm = nn.Linear(4, 2), nn.LayerNorm(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.a(x))


def test_what_cancels_is_not_taken_for_samples_that_mix() -> None:
    """A single sample cannot mix with others, and derivatives of some samples are exactly zero in the others' rows."""
    for seed in range(40):
        torch.manual_seed(seed)
        HOOKS.compute(Problem(Pairs(), torch.randn(1 + seed % 6, 4), 2))


class SequenceFirst(nn.Module):
    """Layers see (T, N, features), and T happens to be N."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.a(x.transpose(0, 1))).transpose(0, 1).flatten(1)


class Cancelling(nn.Module):
    """Steps along the first axis, as many as samples, and derivatives of two outputs that a sum may let cancel."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.a, self.factor = nn.Linear(4, 1), factor

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.a(x.transpose(0, 1))).sum(0)
        return torch.cat([h, self.factor * h], 1)


@pytest.mark.parametrize("factor", [-1.0, -0.5, -2.0, -1 / 3])
def test_derivatives_that_cancel_do_not_hide_where_samples_lie(factor: float) -> None:
    """Of two outputs, one minus a multiple of the other."""
    check(Cancelling(factor), integers(5, 5, 4), rounds=True)


class Positions(nn.Module):
    """An embedding of positions, as many as there are samples."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.a = nn.Embedding(5, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.a(x + self.embedding(torch.arange(5)))).flatten(1)


class Flattened(nn.Module):
    """Rows of all samples below each other."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.a(x.reshape(-1, 4))).reshape(len(x), -1)


@pytest.mark.parametrize("model", [SequenceFirst, Positions, Flattened])
def test_samples_along_another_axis_are_found(model: Callable[[], nn.Module]) -> None:
    """By derivatives, also where that axis is as long as the batch."""
    check(model(), integers(5, 5, 4))


def test_parameters_of_two_dtypes() -> None:
    """Each Jacobian has the dtype of its parameter."""
    problem = problem_of(Skip(), integers(5, 4))
    expected = HOOKS.compute(problem)
    problem.model.c.float()
    problem.model.c.register_forward_pre_hook(lambda module, given: (given[0].float(),))
    found = HOOKS.compute(problem)
    assert {name: J.dtype for name, J in found.items()} == {name: p.dtype for name, p in problem.parameters.items()}
    for name, jacobian in expected.items():
        torch.testing.assert_close(found[name], jacobian.to(found[name].dtype))


def test_rows_within_a_sample() -> None:
    """May be moved at will, as long as axis 0 stays that of the samples."""
    check(Rowwise(), integers(4, 12))


@pytest.mark.parametrize("frozen", [("0.weight",), ("0.bias", "2.weight"), ("0.weight", "0.bias"), ("2.bias",)])
def test_frozen_parameters_have_no_jacobian(frozen: tuple[str, ...]) -> None:
    """And the others have theirs."""
    model = nn.Sequential(nn.Conv2d(2, 3, 2), nn.ReLU(), nn.Conv2d(3, 2, 2), nn.Flatten())
    for name in frozen:
        model.get_parameter(name).requires_grad_(False)
    check(model, integers(2, 2, 4, 4))


def test_an_empty_batch() -> None:
    """Has empty Jacobians."""
    problem = problem_of(nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(8, 3)), integers(1, 1, 3, 3))
    problem.X = problem.X[:0]
    assert {len(jacobian) for jacobian in HOOKS.compute(problem).values()} == {0}


def test_one_bad_sample_spoils_no_other() -> None:
    """NaN in a sample stays in its own Jacobians."""
    problem = problem_of(Skip(), integers(5, 4))
    right = HOOKS.compute(problem)
    problem.X = problem.X.clone()
    problem.X[2] = torch.nan
    others = [0, 1, 3, 4]
    for name, jacobian in HOOKS.compute(problem).items():
        assert torch.equal(jacobian[others], right[name][others])
        assert name == "c.bias" or jacobian[2].isnan().any()


def test_gradients_may_be_disabled_around_it() -> None:
    """It enables them for itself, and leaves them as they were."""
    problem = problem_of(Skip(), integers(5, 4))
    expected = HOOKS.compute(problem)
    with torch.no_grad():
        found = HOOKS.compute(problem)
        assert not torch.is_grad_enabled()
    assert all(torch.equal(found[name], jacobian) for name, jacobian in expected.items())
    assert not any(jacobian.requires_grad for jacobian in found.values())
