"""Each mutant of the catalogue is real: it differs from the method that it spoils, and only where it is triggered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice

import pytest
from torch import nn

from jaccheck.case import Case
from jaccheck.case.families.registry import all_boundary_cases
from jaccheck.errors import UnknownName
from jaccheck.judging import (
    CaseReference,
    LawBroken,
    Surroundings,
    Trial,
    flattened,
    observe,
    restore_globals,
    structural_difference,
)
from jaccheck.judging.laws.aliasing import NO_ALIASING
from jaccheck.judging.laws.finite import not_finite, spoil
from jaccheck.judging.laws.freed_memory import FREED_MEMORY
from jaccheck.judging.laws.laws import ALL_LAWS
from jaccheck.judging.laws.out_argument import filled_with_nan, is_given_columns
from jaccheck.judging.laws.related import has_head, head, turned
from jaccheck.judging.laws.state import undeclared_changes
from jaccheck.methods import Method, Problem, build, choose_methods, find_method
from jaccheck.selftest import Mutant, catalogue, choose_with_mutants
from jaccheck.selftest.mutants.registry import LAW_NAMES, always

MUTANTS = catalogue()
RARE = [name for name, mutant in MUTANTS.items() if mutant.when is not always]
CASES = tuple(all_boundary_cases())


def behaviour(method: Method, case: Case, *, given: bool) -> tuple[object, ...]:
    """All that can be observed of two calls on one model, and of one with `out` where that is asked for."""
    return *called_twice(method, case), *(called_with_memory(method, case) if given else ())


def called_with_memory(method: Method, case: Case) -> tuple[object, ...]:
    """What is in `out` afterwards, and whether it is what comes back."""
    reference = CaseReference(case, "cpu")
    problem = reference.problem()
    given = filled_with_nan(problem, as_columns=is_given_columns(case))
    returned = method.compute(problem, out=dict(given))
    return (flattened(given) + 0.0).tobytes(), [returned[name] is given[name] for name in given]


def called_twice(method: Method, case: Case) -> tuple[object, ...]:
    """Results, changes of state, shared memory."""
    reference = CaseReference(case, "cpu")
    problem = reference.problem()
    before = observe(problem)
    try:
        jacobians = method.compute(problem)
    except Exception as error:
        return "raised", type(error).__name__
    after = observe(problem)
    restore_globals(before["torch"], after["torch"])
    if difference := structural_difference(reference.layout, reference.case.dtype, reference.device, jacobians):
        return "structure", str(difference)
    trial = Trial(case, method, reference, problem, jacobians, before, after, Surroundings(problem.model, "cpu"))
    changes = [re.sub(r"(was|is) .*", "", change) for _, change in undeclared_changes(before, after, frozenset())]
    changes += reference.changed_values(problem)
    try:
        NO_ALIASING.ask(trial)
        shared = ""
    except LawBroken as broken:
        shared = str(broken)
    try:
        FREED_MEMORY.ask(trial)
    except LawBroken as broken:
        shared += str(broken)
    # Adding 0 makes −0 and 0 the same bytes.
    first = (flattened(jacobians) + 0.0).tobytes()
    try:
        again = method.compute(Problem(problem.model, reference.changed.problem().X, problem.C))
    except Exception as error:
        return first, changes, shared, "raised", type(error).__name__
    restore_globals(before["torch"], observe(problem)["torch"])
    second, kept = (flattened(again) + 0.0).tobytes(), (flattened(jacobians) + 0.0).tobytes()
    return first, changes, shared, second, kept == first


def with_head(method: Method, case: Case) -> tuple[object, ...]:
    """Results on the same network and input, the second time below a frozen Linear, as the law of outputs has it."""
    if not has_head(case):
        return ()
    problem = CaseReference(case, "cpu").problem()
    chosen = turned(problem.C)
    model = nn.Sequential(*problem.model, head(chosen, problem))
    try:
        first = flattened(method.compute(problem))
        return (first + 0.0).tobytes(), (
            flattened(method.compute(Problem(model, problem.X, len(chosen)))) + 0.0
        ).tobytes()
    except Exception as error:
        return "raised", type(error).__name__


def with_spoiled_sample(method: Method, case: Case) -> tuple[object, ...]:
    """The result where one sample is not finite, as the law of finite samples has it."""
    if case.has_indices or case.batch_size < 2 or case.input_form == "expanded":
        return ()
    problem = CaseReference(case, "cpu").problem()
    spoil(problem, *not_finite(case))
    try:
        return (flattened(method.compute(problem)) + 0.0).tobytes(), ""
    except Exception as error:
        return "raised", type(error).__name__


@cache
def template(case: Case) -> Problem:
    """What refusals and triggers look at, and never change: built once for all mutants."""
    return build(case)


def accepted(mutant: Mutant) -> Iterator[Case]:
    """The boundary cases that the mutated method claims to cover."""
    method = mutant.method()
    return (case for case in CASES if not method.refuses(template(case)))


def is_triggered(mutant: Mutant, case: Case) -> bool:
    return mutant.when(template(case))


@pytest.mark.parametrize("name", [name for name in MUTANTS if name != "stale_weights"])
def test_a_mutant_is_real(name: str) -> None:
    """There is a boundary case on which it does something else than its base."""
    mutant = MUTANTS[name]
    mutated, base = mutant.method(), find_method(mutant.base)
    given = mutated.takes_out
    triggered = (case for case in accepted(mutant) if is_triggered(mutant, case))
    assert any(
        behaviour(mutated, case, given=given) != behaviour(base, case, given=given)
        or with_head(mutated, case) != with_head(base, case)
        or with_spoiled_sample(mutated, case) != with_spoiled_sample(base, case)
        for case in triggered
    )


def test_stale_weights_are_real() -> None:
    """After the weights have changed, it returns what it returned before; its base does not."""
    case = next(case for case in CASES if len(case.weighted()) == 2)
    results = []
    for method in (MUTANTS["stale_weights"].method(), find_method("outer_products")):
        reference = CaseReference(case, "cpu")
        problem = reference.problem()
        first = flattened(method.compute(problem))
        problem.model.get_parameter(case.last_weight).data.neg_()
        results.append((first == flattened(method.compute(problem))).all())
    assert results == [True, False]


@pytest.mark.parametrize("name", RARE)
def test_a_rare_mutant_is_right_elsewhere(name: str) -> None:
    """On cases that do not trigger it, it does what its base does, bit by bit."""
    mutant = MUTANTS[name]
    others = list(islice((case for case in accepted(mutant) if not is_triggered(mutant, case)), 3))
    assert others
    mutated, base = mutant.method(), find_method(mutant.base)
    given = mutated.takes_out
    for case in others:
        assert behaviour(mutated, case, given=given) == behaviour(base, case, given=given), case


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_says_what_it_is(name: str) -> None:
    """A summary of one sentence, known laws, and a name that no method has."""
    mutant = MUTANTS[name]
    assert mutant.summary.endswith(".")
    assert mutant.expected
    assert mutant.expected <= {law.name for law in ALL_LAWS}
    assert mutant.method().name == f"mutant:{name}"


def test_there_are_mutants_of_every_kind() -> None:
    """At least five in each file, and each law has a mutant that only it can see."""
    kinds = [mutant.kind for mutant in MUTANTS.values()]
    assert min(map(kinds.count, set(kinds))) >= 5
    alone = [mutant.expected for mutant in MUTANTS.values() if len(mutant.expected) == 1]
    assert set().union(*alone) == LAW_NAMES


def test_a_mutant_goes_by_its_name() -> None:
    """Beside methods, where a method is asked for, so that whoever wants to can see a failure."""
    names = [method.name for method in choose_with_mutants(["mutant:sample_roll", "autograd_loop"])]
    assert names == ["mutant:sample_roll", "autograd_loop"]
    assert [method.name for method in choose_with_mutants([])] == [method.name for method in choose_methods([])]
    with pytest.raises(UnknownName, match="mutant 'sample_rol' is not known; did you mean sample_roll"):
        choose_with_mutants(["mutant:sample_rol"])
