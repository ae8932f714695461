"""A run is a sum over its shards, whoever judges them in whatever order."""

from __future__ import annotations

import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest
import torch
from jaccheck_support.sums import summed

from jaccheck.case import DTYPES, FAMILIES, PROFILES, Case, DType, boundary_cases
from jaccheck.core import from_json, to_json
from jaccheck.judging.laws.laws import SELDOM, place_of
from jaccheck.methods import Jacobians, Method, Problem, find_method, method
from jaccheck.methods.autograd import autograd_batched
from jaccheck.methods.registry import forget
from jaccheck.reports import Comparison, Outcome, Raised, Settings, Verdict
from jaccheck.runs import Shard, ShardResult, Tally, expected_cases, given_shards, shards
from jaccheck.runs.judging import boundary_turn, judge_shard
from jaccheck.runs.results import Sums
from jaccheck.runs.tally import MOST_CANDIDATES

QUICK = PROFILES["quick"]


def settings(**changes: object) -> Settings:
    """A run of a few families on one device."""
    values = {
        "profile": "quick",
        "seed": 5,
        "max_examples": None,
        "time": None,
        "methods": (),
        "devices": ("cpu",),
        "dtypes": DTYPES,
        "families": ("generic", "kinks", "no_bias"),
        **changes,
    }
    return Settings(**values)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def wrong_in_part() -> Iterator[Method]:
    """A method that is wrong for tall weights, and refuses float16, where it is right."""

    @method(family="test", unsupported=lambda problem: "no float16" if problem.dtype == "float16" else None)
    def wrong_for_tall_weights(problem: Problem) -> Jacobians:
        J = autograd_batched(problem)
        tall = {name for name, p in problem.parameters.items() if p.dim() == 2 and p.shape[0] > p.shape[1]}
        is_wrong = problem.dtype != "float16"
        return {name: -jacobian if is_wrong and name in tall else jacobian for name, jacobian in J.items()}

    yield find_method("wrong_for_tall_weights")
    forget("wrong_for_tall_weights")


@pytest.fixture(scope="module")
def results(wrong_in_part: Method) -> list[ShardResult]:
    """Every shard of a small run, judged in order."""
    torch.set_num_threads(1)
    methods = (find_method("outer_products"), wrong_in_part)
    return [judge_shard(shard, methods, QUICK) for shard in shards(QUICK, settings())]


def test_the_order_of_shards_does_not_matter(results: list[ShardResult]) -> None:
    """The sums of any order are the same, failing cases included."""
    expected = summed(results)
    assert expected.candidates
    assert any(len(candidates.cases) > 1 for candidates in expected.candidates)
    for seed in range(5):
        assert summed(random.Random(seed).sample(results, len(results))) == expected


def test_what_was_judged_before_does_not_matter(results: list[ShardResult], wrong_in_part: Method) -> None:
    """A shard judged alone gives what it gave in the run."""
    for number in (0, 7, len(results) - 1):
        alone = judge_shard(results[number].shard, (find_method("outer_products"), wrong_in_part), QUICK)
        assert summed([alone]) == summed([results[number]])


def test_a_result_survives_json(results: list[ShardResult]) -> None:
    """It comes from other processes and out of the store as it was."""
    failing = next(result for result in results if result.sums.candidates)
    for result in (results[0], failing):
        assert from_json(ShardResult, to_json(result), where="test") == result


def test_a_cell_counts_the_first_comparison(results: list[ShardResult]) -> None:
    """What the closed form leaves undecided, where autograd's wider bound leaves more."""
    narrow, wide = (
        Comparison(reference=source, mode="bound", entries=4, nonzero=3, undecided=undecided)
        for source, undecided in (("closed form", 1), ("autograd", 2))
    )
    agrees = Verdict(method="one", device="cpu", outcome=Outcome.CONSISTENT, comparisons=(narrow, wide))
    tally = Tally()
    (case, *_) = results[0].shard.cases()
    tally.add(case, agrees, shard=results[0].shard, index=0)
    (cell,) = tally.coverage()
    assert (cell.entries, cell.nonzero, cell.undecided) == (4, 3, 1)


def test_boundary_claims_are_tried(wrong_in_part: Method) -> None:
    """A refusal of what the method is right on is seen in each shard of boundary cases, where calls are repeated."""
    for shard in shards(QUICK, settings(dtypes=("float16",))):
        if shard.round == 0:
            sums = judge_shard(shard, (wrong_in_part,), PROFILES["nightly"]).sums
            (claims,) = [candidates for candidates in sums.candidates if candidates.group.law == "claims"]
            assert claims.seen == sum(cell.refused for cell in sums.coverage)


def test_each_boundary_claim_is_tried_in_one_dtype_at_least() -> None:
    """In a quick run, whatever the method's place."""
    names = {place_of(name): name for name in map(str, range(10 * SELDOM))}
    assert len(names) == SELDOM
    for seed, name in itertools.product(range(2), names.values()):
        run = shards(QUICK, settings(seed=seed, families=FAMILIES))
        tried: dict[tuple[str, int], list[bool]] = defaultdict(list)
        for shard in (each for each in run if each.round == 0):
            for index in shard.chosen:
                tried[shard.family, index].append(boundary_turn(index, shard.dtype, name) == 0)
        assert all(any(of_case) for of_case in tried.values() if len(of_case) > 1)


def test_boundary_cases_stand_in_one_row() -> None:
    """So that a method meets each law on any sixteen of them, however few a family has."""
    run = [shard for shard in shards(QUICK, settings(families=FAMILIES)) if shard.round == 0]
    positions = [shard.position + index for shard in run for index in range(shard.count)]
    assert positions == list(range(len(positions)))


@pytest.mark.parametrize("dtypes", [DTYPES, DTYPES[:1], DTYPES[1:3], DTYPES[:3]])
def test_each_boundary_case_is_met_in_two_dtypes(dtypes: tuple[DType, ...]) -> None:
    """Or in all that it exists in, where they are fewer; in four under ci. Two seeds in a row meet it in all."""
    for family in FAMILIES:
        exists = Counter(index for dtype in dtypes for index, _ in enumerate(boundary_cases(family, dtype)))
        met, in_ci = (Counter[int](), Counter[int]()), Counter[int]()
        for seed in range(2):
            for shard in shards(QUICK, settings(seed=seed, dtypes=dtypes, families=(family,))):
                met[seed].update(shard.chosen)
        for shard in shards(PROFILES["ci"], settings(dtypes=dtypes, families=(family,))):
            in_ci.update(shard.chosen)
        assert all(met[seed][index] >= min(2, count) for seed in range(2) for index, count in exists.items())
        assert all(met[0][index] + met[1][index] >= count for index, count in exists.items())
        assert in_ci == exists


def test_failing_cases_kept_are_bounded() -> None:
    """However many kinds of failing cases there are, few are kept, the simplest; all are counted."""
    tally, cases = Tally(), [case for shard in shards(QUICK, settings(families=("sizes",))) for case in shard.cases()]
    failing = judged_as_failing(cases, 30)
    for sums in failing:
        tally.merge(sums)
    (candidates,) = tally.candidates.values()
    assert candidates.seen == 30
    assert len(candidates.cases) == MOST_CANDIDATES


def judged_as_failing(cases: list[Case], count: int) -> list[Sums]:
    """Sums of one failing case each, every one with another key."""
    from jaccheck.reports import Failure, Outcome, Verdict

    found = []
    for number, case in enumerate(cases[:count]):
        word = "".join(chr(ord("a") + int(digit)) for digit in f"{number:04}")
        failure = Failure(
            law="no exception", outcome=Outcome.CRASHED, detail=Raised(error_type="RuntimeError", error_text=word)
        )
        tally = Tally()
        tally.add(case, Verdict(method="m", device="cpu", outcome=Outcome.CRASHED, failures=(failure,)))
        found.append(tally.sums())
    return found


@pytest.mark.parametrize("number", [1, 5, 333])
def test_as_many_cases_as_asked_for(number: int) -> None:
    """--max-examples is exact, also where it ends within a shard, and each case is counted once on two devices."""
    asked = settings(max_examples=number, devices=("cpu", "other"))
    some = list(shards(QUICK, asked))
    assert sum(len(shard.cases()) for shard in some if shard.is_counted) == number == expected_cases(QUICK, asked)
    on_each = [[(s.family, s.dtype, s.round, s.count) for s in some if s.device == d] for d in asked.devices]
    assert on_each[0] == on_each[1]
    assert [shard.number for shard in some] == list(range(len(some)))


def test_given_cases_are_cut_into_shards() -> None:
    """All of them, in order, a few in each."""
    cases = [case for shard in shards(QUICK, settings(families=("kinks",))) for case in shard.cases()]
    some: list[Shard] = list(given_shards(cases, ["cpu"]))
    assert len(some) > 1
    assert [case for shard in some for case in shard.cases()] == cases
    assert from_json(Shard, to_json(some[0]), where="test") == some[0]
