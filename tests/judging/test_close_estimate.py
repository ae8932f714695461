"""The estimate on models as people have them: right results are not called wrong, wrong ones are found.

What is right is computed here: by a loop of `torch.autograd.grad` over a copy in float64.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from jaccheck_support import people_models
from jaccheck_support.people_models import Lambda, batch
from torch import Tensor, nn

from jaccheck.judging import Expectation, Part, default_dtype, looked_at, second_look
from jaccheck.judging.live.references import estimate_of
from jaccheck.judging.second_look import WRONG
from jaccheck.methods import Problem, problem_of, registered

MODELS = (
    "small_cnn",
    "slopes_of_one_number",
    "whole_numbers_held_as_floats",
    "exact_zeros",
    "pooled_by_amax",
    "under_autocast",
)
VECTORISED = set(MODELS) - {"slopes_of_one_number"}
"""torch has no rule of vmap for the slopes of a PReLU."""

ANY = registered()["vmap_vjp"]


def made(name: str, seed: int) -> tuple[nn.Module, Tensor]:
    """The model and, of a batch, few enough samples to be fast."""
    model, X = getattr(people_models, name)(seed)
    return model, X[:1] if name == "slopes_of_one_number" else X


def looped(model: nn.Module, X: Tensor, dtype: torch.dtype) -> np.ndarray:
    """Jacobians by a loop over samples and outputs, flat by parameter."""
    model = copy.deepcopy(model).to(dtype)
    X = X.to(dtype) if X.is_floating_point() else X
    θ = list(model.parameters())
    rows = []
    with default_dtype(dtype if dtype == torch.float64 else None):
        for n in range(len(X)):
            f = model(X[n : n + 1]).flatten()
            rows += [torch.autograd.grad(each, θ, retain_graph=True, allow_unused=True) for each in f]
    blocks = [torch.stack([torch.zeros_like(p) if row[i] is None else row[i] for row in rows]) for i, p in enumerate(θ)]
    return torch.cat([block.flatten().double() for block in blocks]).numpy()


def vectorised(model: nn.Module, X: Tensor) -> np.ndarray:
    """The same by torch.func over the whole batch, in the model's dtype."""
    θ = {name: p.detach() for name, p in model.named_parameters()}

    def f(θ: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.func.functional_call(model, θ, (x[None],)).flatten()

    J = torch.func.vmap(torch.func.jacrev(f), (None, 0))(θ, X)
    return torch.cat([block.flatten().double() for block in J.values()]).numpy()


def expectations(problem: Problem) -> list[Expectation]:
    """By estimate alone, in float64 and in the own dtype."""
    return list(estimate_of(problem, Part(range(problem.N), range(problem.C))).expectations(ANY))


def own_expectation(model: nn.Module, X: Tensor) -> Expectation:
    return expectations(problem_of(model, X))[-1]


def is_wrong(actual: np.ndarray, e: Expectation) -> bool:
    return looked_at(actual, e).difference is not None


@pytest.mark.full
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", MODELS)
def test_right_results_are_consistent(name: str, seed: int) -> None:
    """In both dtypes: the truth, torch's own autograd by sample, and torch.func over the batch."""
    model, X = made(name, seed)
    double, own = expectations(problem_of(model, X))
    truth = looped(model, X, torch.float64)
    assert np.allclose(double.expected, truth, rtol=1e-9, atol=1e-12 * abs(truth).max())
    for e, results in (
        (double, [truth]),
        (own, [truth, looped(model, X, torch.float32), vectorised(model, X)][: 3 if name in VECTORISED else 2]),
    ):
        for actual in results:
            judged = looked_at(actual, e)
            assert judged.difference is None
            assert not judged.undecided
        assert e.undecided < 0.1 * len(truth)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.full if n != "slopes_of_one_number" else ()) for n in MODELS]
)
def test_a_factor_is_found(name: str) -> None:
    """1.0001 in float64, and 1.1 of one parameter in the own dtype; what is computed in bfloat16 is not finer."""
    model, X = made(name, 0)
    double, own = expectations(problem_of(model, X))
    assert is_wrong(1.0001 * double.expected, double) or name == "under_autocast"
    assert is_wrong(np.where(abs(own.expected) > 0, 1.1 * own.expected, 0.0), own)


def test_a_maximum_is_where_it_was_taken() -> None:
    """The Jacobian is that of `max` with its index; zeros or NaN for the convolution are wrong."""
    model, X = people_models.pooled_by_amax()
    e = own_expectation(model, X)
    assert np.array_equal(looped(*people_models.pooled_by_max(), torch.float64), e.expected)
    place = e.layout.offsets()["conv.weight"]
    for value in (0.0, np.nan):
        actual = e.expected.copy()
        actual[place] = value
        assert is_wrong(actual, e)
    assert e.undecided == 0


def test_an_index_held_as_a_float_stays_that_index() -> None:
    """Nothing is undecided, and a block that is 10 % too large is wrong."""
    e = own_expectation(*people_models.whole_numbers_held_as_floats())
    actual = e.expected.copy()
    actual[e.layout.offsets()["embedding.weight"]] *= 1.1
    assert is_wrong(actual, e)
    assert e.undecided == 0


def test_exact_zeros_are_decided() -> None:
    """They are zero whatever is rounded, so that 1e-30 in their place is wrong."""
    for e in expectations(problem_of(*people_models.exact_zeros())):
        zeros = e.expected == 0
        assert zeros.mean() > 0.8
        assert not e.bound[zeros].any()
        assert e.undecided == 0
        assert is_wrong(np.where(zeros, 1e-30, e.expected), e)


def test_what_lies_between_is_undecided() -> None:
    """A little outside of the first limit nothing is called wrong; far outside it is."""
    e = own_expectation(*people_models.pooled_by_amax())
    entry = int(np.argmax(abs(e.expected)))
    for times, wrong in ((2.5, False), (4 * WRONG, True)):
        actual = e.expected.copy()
        actual[entry] += times * e.bound[entry]
        judged = looked_at(actual, e)
        assert (judged.difference is not None) == wrong
        assert judged.undecided == (not wrong)


def test_without_time_for_many_draws_a_factor_is_found_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four draws are enough there for what is hundreds of times too far off; in float32 nothing is called wrong."""
    monkeypatch.setattr(second_look, "SECONDS", 0.0)
    double, own = expectations(problem_of(*people_models.pooled_by_amax()))
    assert is_wrong(1.0001 * double.expected, double)
    for e, times in ((double, 30.0), (own, 1e4)):
        actual = e.expected.copy()
        entry = int(np.argmax(abs(actual)))
        actual[entry] += times * e.bound[entry]
        assert not is_wrong(actual, e)
        assert looked_at(actual, e).undecided == 1


class NeverTwice(nn.Module):
    """Raises where an input is not one of those that it knows."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.known = nn.Linear(3, 2), batch(4, 3)

    def forward(self, X: Tensor) -> Tensor:
        """The Linear."""
        known = self.known.to(X.dtype)
        if not all((x == known).all(1).any() for x in X.detach()):
            raise IndexError("unknown row")
        return self.a(X)


def test_without_draws_nothing_is_known() -> None:
    """A model that does not run on moved numbers has infinite limits, and everything is undecided."""
    torch.manual_seed(0)
    e = own_expectation(NeverTwice(), batch(4, 3))
    assert np.isinf(e.bound).all()
    assert e.undecided == len(e.bound)
    judged = looked_at(2 * e.expected, e)
    assert judged.difference is None


def test_float64_is_used_where_a_model_makes_tensors_of_its_own() -> None:
    """Tables made in the forward pass are float64 in the copy, and a part that stays float32 widens the limit."""

    def with_table(m: Any, x: Tensor) -> Tensor:
        return m.a(x + torch.linspace(0, 1, 3)) @ torch.eye(2)

    def with_float32(m: Any, x: Tensor) -> Tensor:
        return m.a(x.float().tanh().to(x.dtype))

    torch.manual_seed(0)
    widths = []
    for forward in (with_table, with_float32):
        double, _ = expectations(problem_of(Lambda(forward, a=nn.Linear(3, 2)), batch(4, 3)))
        weight = double.layout.offsets()["a.weight"]
        used = double.expected[weight] != 0
        widths.append(float(np.median(double.bound[weight][used] / abs(double.expected[weight][used]))))
    assert widths[0] < 1e-10 < 1e-7 < widths[1]


KINDS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "modulus": torch.abs,
    "maximum": lambda z: z.amax(1, keepdim=True),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_kink_within_reach_is_not_called_wrong(name: str) -> None:
    """Where rounding decides on which side of a kink a number lies, either slope is right."""
    function = KINDS[name]
    torch.manual_seed(0)
    model = Lambda(lambda m, x: m.b(function(m.a(x))), a=nn.Linear(3, 2, bias=False), b=nn.LazyLinear(1))
    with torch.no_grad():
        model.a.weight.copy_(torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0 + 2.0**-23]]))
        model(torch.ones(1, 3))
    X = torch.tensor([[0.1, 0.2, -0.3 + 1e-9], [1.0, 2.0, 3.0]])
    for e in expectations(problem_of(model, X)):
        for actual in (looped(model, X, torch.float32), vectorised(model, X)):
            assert not is_wrong(actual, e) or e.dtype == "float64"
