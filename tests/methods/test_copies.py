"""A copy of a model is the model, or what is lost is named."""

from __future__ import annotations

import copy
import types
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from jaccheck_support.people_models import Lambda, adapter_in_a_hook, batch
from torch import Tensor, nn
from torch.nn.utils import parametrize

import jaccheck
from jaccheck.errors import InvalidModel
from jaccheck.methods import Problem, copy_of, problem_of
from jaccheck.methods.copies import check_copy, deep_copy, leaves_of


def perceptron() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def replaced_forward() -> nn.Module:
    """The forward that the first layer had is called by a function that holds it."""
    model = perceptron()
    old = model[0].forward
    model[0].forward = lambda x: 2 * old(x)  # type: ignore[method-assign]
    return model


def held_in_an_attribute() -> nn.Module:
    """A plain function as an attribute, which holds a layer."""
    model = perceptron()
    layer = model[2]
    return Lambda(lambda m, x: m.head(m.body(x)), body=model[:2], layer=layer, head=Calling(lambda x: layer(x)))


class Calling(nn.Module):
    """Calls a function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class ShallowLayer(nn.Linear):
    """Its copies share its parameters' memory, but not the parameters."""

    def __deepcopy__(self, memo: dict[int, Any]) -> ShallowLayer:
        made = ShallowLayer(self.in_features, self.out_features)
        with torch.no_grad():
            made.weight.copy_(self.weight)
        return made


@pytest.mark.parametrize("make", [lambda: adapter_in_a_hook()[0], replaced_forward, held_in_an_attribute])
def test_a_closure_over_the_model_is_named(make: Callable[[], nn.Module]) -> None:
    """Autograd on a plain deep copy does not reach the copy's own parameters; what it reaches is said."""
    model, X = make(), batch(5, 3)
    copied = copy.deepcopy(model)
    reached = {id(leaf) for leaf in leaves_of(copied(X))}
    lost = [name for name, p in model.named_parameters() if id(p) in reached]
    assert lost, "the test's model must have the fault"
    with pytest.raises(InvalidModel, match=rf"computes with {lost[0]}, {lost[1]} of the model itself") as error:
        problem_of(model, X)
    assert "\n" not in str(error.value)


def test_a_copy_that_forgets_is_found() -> None:
    """By its output, where a `__deepcopy__` of the model's own is lossy."""
    with pytest.raises(InvalidModel, match="gives another output than the model"):
        problem_of(nn.Sequential(ShallowLayer(3, 4)), batch(5, 3))


def test_a_tensor_that_was_computed_once_is_named() -> None:
    """A copy keeps its numbers, but not what it depends on."""
    model = perceptron()
    model.scale = model[0].weight.sum()  # type: ignore[assignment]
    scaled = Lambda(lambda m, x: m.net(x) * m.net.scale, net=model)
    scaled.net[0].forward = types.MethodType(lambda layer, x: x @ torch.ones(3, 4), scaled.net[0])  # type: ignore
    with pytest.raises(InvalidModel, match=r"depends on net\.0\.weight, .* net\.scale was computed before"):
        problem_of(scaled, batch(5, 3))


class Doubled(nn.Module):
    """A parametrization: twice the number."""

    def forward(self, weight: Tensor) -> Tensor:
        return 2 * weight


def parametrized() -> nn.Module:
    model = perceptron()
    parametrize.register_parametrization(model[0], "weight", Doubled())
    return model


def with_weight_norm() -> nn.Module:
    model = perceptron()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.nn.utils.weight_norm(model[0])
    return model


def spectral(old: bool) -> nn.Module:
    model = perceptron()
    made = torch.nn.utils.spectral_norm if old else torch.nn.utils.parametrizations.spectral_norm
    made(model[0])
    return model.eval()


def rebound() -> nn.Module:
    """A replaced forward that takes the module that it is called on."""
    model = perceptron()
    model[0].forward = types.MethodType(lambda layer, x: 2 * nn.Linear.forward(layer, x), model[0])  # type: ignore
    return model


RIGHT = {
    "plain": perceptron,
    "parametrized": parametrized,
    "weight_norm": with_weight_norm,
    "spectral_norm, old": lambda: spectral(True),
    "spectral_norm": lambda: spectral(False),
    "bound anew": rebound,
}


@pytest.mark.parametrize("what", RIGHT)
def test_what_copies_well_is_not_refused(what: str) -> None:
    """Output and gradients of the copy are those of the model, to the bit, computed here from the model itself."""
    model, X = RIGHT[what](), batch(5, 3)
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    expected = torch.autograd.grad(model(X).square().sum(), [*model.parameters()])
    problem = copy_of(problem_of(model, X))
    actual = torch.autograd.grad(problem.model(X).square().sum(), [*problem.parameters.values()])
    assert list(problem.parameters) == names
    for one, other in zip(expected, actual, strict=True):
        assert torch.equal(one, other)


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize("whole", [True, False])
def test_a_copy_of_a_scripted_module_has_parameters_of_its_own(whole: bool) -> None:
    """torch.jit copies them as tensors that were computed from those of the model, where gradients are on."""
    part = torch.jit.script(nn.Sequential(nn.Linear(3, 2), nn.Tanh()))
    model = part if whole else nn.Sequential(nn.Linear(3, 3).requires_grad_(False), part)
    copied = deep_copy(model)
    assert [(p.is_leaf, p.requires_grad) for p in copied.parameters()] == [
        (True, p.requires_grad) for p in model.parameters()
    ]
    X = torch.ones(4, 3)
    found = jaccheck.jacobians(model, X, method="autograd_loop")
    name, p = list(model.named_parameters())[-1]
    expected = torch.autograd.grad(model(X)[2, 1], p)[0]
    assert torch.equal(found[name][2, 1], expected)
    check_copy(Problem(model, X, 2))


class Odd(tuple):  # type: ignore[type-arg]
    """A tuple without a length, as e3nn has it."""

    def __len__(self) -> int:
        raise NotImplementedError


def test_odd_attributes_are_walked_around() -> None:
    """A container of a user's own may raise where nobody expects it."""
    model = perceptron()
    model.irreps = Odd((1, torch.ones(2)))  # type: ignore[assignment]
    assert problem_of(model, batch(5, 3)).C == 2


def test_empty_containers_of_a_copy_are_its_own() -> None:
    """A hook on the copy is none on the model, and what two modules share before they share after."""
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    shared: dict[str, int] = {}
    model[0].seen, model[1].seen = shared, shared
    copied = deep_copy(model)
    copied[0].register_forward_hook(lambda *_: None)
    copied[0].seen["a"] = 1
    assert not model[0]._forward_hooks
    assert shared == {}
    assert copied[1].seen is copied[0].seen
    own = {id(value) for module in model.modules() for value in vars(module).values() if isinstance(value, dict | set)}
    assert not any(id(value) in own for module in copied.modules() for value in vars(module).values())
