"""Every script runs on its own and shows the failure it was written for, whatever the law."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
import torch

from jaccheck.case import Case, CaseLoss, DType, Integers, LeakyReLU, Linear
from jaccheck.judging import Law, judge, write_script
from jaccheck.judging.laws.finite import FINITE
from jaccheck.judging.laws.identities import HOMOGENEITY, SUM_OVER_SAMPLES
from jaccheck.methods import Method, find_method, registered
from jaccheck.selftest import catalogue

CASE = Case(
    layers=(Linear(out_features=2, bias=False), LeakyReLU(negative_slope=0.5), Linear(out_features=2, bias=False)),
    in_shape=(2,),
    batch_size=3,
    recipe=Integers(magnitude=3),
)


def right(problem: Any) -> dict[str, torch.Tensor]:
    """What the others go wrong from."""
    f = problem.model(problem.X).reshape(problem.N, problem.C)
    θ = problem.parameters
    J = {name: p.new_zeros(problem.N, problem.C, *p.shape) for name, p in θ.items()}
    for n in range(problem.N):
        for c in range(problem.C):
            gradients = torch.autograd.grad(f[n, c], list(θ.values()), retain_graph=True)
            for name, gradient in zip(θ, gradients, strict=True):
                J[name][n, c] = gradient
    return J


def negated(problem: Any) -> dict[str, torch.Tensor]:
    return {name: -jacobian for name, jacobian in right(problem).items()}


def of_another_dtype(problem: Any) -> dict[str, torch.Tensor]:
    return {name: jacobian.float() for name, jacobian in right(problem).items()}


def without_the_last(problem: Any) -> dict[str, torch.Tensor]:
    return dict(list(right(problem).items())[:-1])


def random_number(problem: Any) -> dict[str, torch.Tensor]:
    torch.rand(1)
    return right(problem)


def attribute(problem: Any) -> dict[str, torch.Tensor]:
    problem.model[0].seen = True
    return right(problem)


def two_attributes(problem: Any) -> dict[str, torch.Tensor]:
    problem.model[0].mine = problem.model[0].seen = True
    return right(problem)


def hook(problem: Any) -> dict[str, torch.Tensor]:
    problem.model[0].weight.register_hook(lambda gradient: None)
    return right(problem)


def changed_weight(problem: Any) -> dict[str, torch.Tensor]:
    J = right(problem)
    problem.model[0].weight.data.mul_(2)
    return J


def changed_input(problem: Any) -> dict[str, torch.Tensor]:
    J = right(problem)
    problem.X.data.mul_(2)
    return J


def one_tensor_twice(problem: Any) -> dict[str, torch.Tensor]:
    J = right(problem)
    return dict.fromkeys(J, next(iter(J.values())))


def stale(problem: Any) -> dict[str, torch.Tensor]:
    J = right(problem)
    kept = vars(problem.model).setdefault("kept", {name: jacobian.clone() for name, jacobian in J.items()})
    return {name: jacobian.clone() for name, jacobian in kept.items()}


def one_buffer(problem: Any) -> dict[str, torch.Tensor]:
    J = right(problem)
    kept = vars(problem.model).setdefault("kept", J)
    return {name: kept[name].copy_(jacobian) for name, jacobian in J.items()}


def once_only(problem: Any) -> dict[str, torch.Tensor]:
    if hasattr(problem.model, "seen"):
        raise RuntimeError("once only")
    problem.model.seen = True
    return right(problem)


def never(problem: Any) -> dict[str, torch.Tensor]:
    raise RuntimeError("never")


def given_ignored(problem: Any, *, out: Any = None) -> dict[str, torch.Tensor]:
    return right(problem) if out is None else out


def given_copied(problem: Any, *, out: Any = None) -> dict[str, torch.Tensor]:
    J = right(problem)
    return J if out is None else {name: out[name].copy_(jacobian).clone() for name, jacobian in J.items()}


def given_reordered(problem: Any, *, out: Any = None) -> dict[str, torch.Tensor]:
    J = right(problem)
    return J if out is None else {name: out[name].copy_(J[name]) for name in reversed(J)}


def never_into_given(problem: Any, *, out: Any = None) -> dict[str, torch.Tensor]:
    return right(problem) if out is None else never(problem)


KEPT: dict[Any, Any] = {}


def kept_rows(problem: Any) -> dict[str, torch.Tensor]:
    J = right(problem)
    key = ("rows", str(problem.model.state_dict()))
    first = KEPT.setdefault(key, J)
    return {name: torch.cat([first[name][: len(j)], j[len(first[name]) :]]) for name, j in J.items()}


def kept_outputs(problem: Any) -> dict[str, torch.Tensor]:
    first = KEPT.setdefault(("outputs", str(problem.parameters), str(problem.X)), right(problem))
    return {name: j[:, : problem.C].clone() for name, j in first.items()}


def kept_model(problem: Any) -> dict[str, torch.Tensor]:
    J = right(problem)
    next(iter(J.values())).model = problem.model
    return J


WRONG = {
    kept_rows: "batch",
    kept_outputs: "outputs",
    kept_model: "freed memory",
    negated: "agreement",
    of_another_dtype: "structure",
    without_the_last: "structure",
    random_number: "purity",
    attribute: "purity",
    hook: "purity",
    changed_weight: "purity",
    changed_input: "purity",
    one_tensor_twice: "no aliasing",
    stale: "repeatability",
    one_buffer: "repeatability",
    once_only: "repeatability",
    never: "no exception",
    given_ignored: "out argument",
    given_copied: "out argument",
    given_reordered: "out argument",
    never_into_given: "out argument",
}


def method_of(function: Callable[..., Any]) -> Method:
    """The function as a method, with what its signature says."""
    takes_out = "out" in inspect.signature(function).parameters
    return Method(name=function.__name__, family="test", compute=function, summary="", takes_out=takes_out)


def shows(script: str) -> bool:
    """Whether the script raises or prints two different sides."""
    printed = StringIO()
    try:
        with redirect_stdout(printed):
            exec(compile(script, "script", "exec"), {})
    except RuntimeError as error:
        return str(error) in ("once only", "never")
    if not printed.getvalue():  # where it was to raise
        return False
    actual, expected = printed.getvalue().strip().split("\n")[-2:]
    assert actual.startswith("actual   ")
    assert expected.startswith("expected ")
    number = re.fullmatch(r"expected (\S+) says autograd( give or take (\S+))?", expected)
    if number is None:
        return actual.removeprefix("actual   ") != expected.removeprefix("expected ")
    is_within = abs(float(actual.removeprefix("actual")) - float(number[1])) <= float(number[3] or 0)
    return not is_within


# Of an even and of an odd seed, as by that the form of `out` is chosen.
CASES = [CASE, replace(CASE, seed=1)]


@pytest.mark.parametrize("case", CASES, ids=["even", "odd"])
@pytest.mark.parametrize("function", WRONG, ids=lambda function: function.__name__)
def test_the_script_of_every_failure_shows_it(function: Callable[..., Any], case: Case) -> None:
    """Also that of the laws that a fault breaks beside its own."""
    method = method_of(function)
    failures = judge(case, method).failures
    assert WRONG[function] in {failure.law for failure in failures}
    for failure in failures:
        assert shows(write_script(case, method, "cpu", failure)), failure


def test_the_script_leaves_out_what_a_method_may_leave() -> None:
    """An attribute that it says it leaves is no change; the one beside it is."""
    method = replace(method_of(two_attributes), leaves=frozenset({"mine"}))
    (failure,) = (each for each in judge(CASE, method).failures if each.law == "purity")
    script = write_script(CASE, method, "cpu", failure)
    assert shows(script)
    with redirect_stdout(StringIO()) as printed:
        exec(script, {})
    assert "'seen'" in printed.getvalue()
    assert "'mine'" not in printed.getvalue()


@pytest.mark.parametrize(("dtype", "alone"), [("float64", 0), ("float32", 0), ("bfloat16", 1), ("float16", 1)])
def test_a_script_of_few_digits_has_one_thread(dtype: DType, alone: int) -> None:
    """As the run had in which the failure was found: with more, torch takes other kernels."""
    case, method = replace(CASE, dtype=dtype), method_of(negated)
    failure = judge(case, method).failures[0]
    assert write_script(case, method, "cpu", failure).count("torch.set_num_threads(1)") == alone


@pytest.mark.parametrize("law", [SUM_OVER_SAMPLES, HOMOGENEITY], ids=lambda law: law.id)
def test_the_script_of_an_identity_shows_it(law: Law) -> None:
    """They are told only where agreement is silent; here it is not asked."""
    method = method_of(negated)
    (failure,) = judge(CASE, method, laws=(law,)).failures
    assert shows(write_script(CASE, method, "cpu", failure))
    assert not shows(write_script(CASE, find_method("autograd_loop"), "cpu", failure))


@pytest.mark.parametrize("case", CASES, ids=["even", "odd"])
def test_a_right_method_shows_nothing(case: Case) -> None:
    """The scripts of a wrong method, with a right one in its place."""
    for function in WRONG:
        if function is never:
            continue
        for failure in judge(case, method_of(function)).failures:
            # Autograd over a batch has no `out`, and lets NaN spread.
            is_closed = "out argument" in (failure.law, WRONG[function]) or failure.law == FINITE.name
            right_one = find_method("outer_products" if is_closed else "autograd_loop")
            assert not shows(write_script(case, right_one, "cpu", failure)), failure


@pytest.mark.parametrize("form", ["contiguous", "strided", "transposed", "expanded"])
def test_the_input_is_laid_out_as_in_the_case(form: Any) -> None:
    """The script has the numbers and strides of the case."""
    case = Case(layers=CASE.layers, in_shape=(2,), batch_size=3, input_form=form, frozen=(0,), input_requires_grad=True)
    method = Method(name="negated", family="test", compute=negated, summary="")
    failure = judge(case, method).failures[0]
    script = write_script(case, method, "cpu", failure)
    assert shows(script)
    names: dict[str, Any] = {}
    with redirect_stdout(StringIO()):
        exec(script, names)
    assert names["X"].requires_grad
    assert names["X"].is_contiguous() is (form == "contiguous")
    assert list(names["parameters"]) == ["2.weight"]


@pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node")  # func_linearize
@pytest.mark.parametrize("name", [name for name, method in registered().items() if not (method.step or method.missing)])
def test_the_source_of_every_method_stands_alone(name: str) -> None:
    """With helpers from other modules of jaccheck, it runs in a script and shows nothing wrong, as nothing is."""
    method = find_method(name)
    loss = CaseLoss(kind="CrossEntropyLoss", reduction="mean") if find_method(name).only_of_losses else None
    case = replace(CASE, layers=(CASE.layers[0], LeakyReLU(), CASE.layers[2]), loss=loss)
    script = write_script(case, method, "cpu", judge(case, method_of(negated)).failures[0])
    assert "import jaccheck" not in script
    assert "not at hand" not in script
    assert not shows(script)


@pytest.mark.parametrize("name", ["sample_roll", "class_swap", "one_wrong_entry"])
def test_a_mutant_is_asked_of_jaccheck(name: str) -> None:
    """Its source is not that of one function; the script runs all the same, and shows it."""
    method = catalogue()[name].method()
    script = write_script(CASE, method, "cpu", judge(CASE, method).failures[0])
    assert "from jaccheck.selftest import choose_with_mutants" in script
    assert shows(script)
