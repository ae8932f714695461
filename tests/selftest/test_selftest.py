"""The checks see every mutant and call nothing right wrong; and the selftest can fail: no law of them is idle."""

from __future__ import annotations

import pytest

from jaccheck.case import PROFILES, Case, boundary_cases
from jaccheck.cli.selftest import quick_cases
from jaccheck.core import from_json, to_json
from jaccheck.judging import LAWS, Law, judge
from jaccheck.judging.known import LAYER_ISSUES
from jaccheck.judging.laws.identities import HOMOGENEITY, SUM_OVER_SAMPLES
from jaccheck.methods import choose_methods, find_method
from jaccheck.reports import JUDGES, Outcome, SelftestReport
from jaccheck.selftest import Mutant, catalogue, repeating_every, score, without

MUTANTS = catalogue()
QUICK = repeating_every(PROFILES["quick"].repeat_every)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return quick_cases(0)


@pytest.fixture(scope="module")
def report(cases: list[Case]) -> SelftestReport:
    """Each mutant until jaccheck has killed it: how long tolerances let it live is asked on fewer cases."""
    return score(cases, MUTANTS.values(), (), laws_of=QUICK, judges=("jaccheck",))


@pytest.fixture(scope="module")
def beside_tolerances(cases: list[Case]) -> SelftestReport:
    """Every judge, on every sixth case."""
    return score(cases[::6], MUTANTS.values(), (), laws_of=QUICK)


@pytest.mark.parametrize("name", MUTANTS)
def test_every_mutant_is_killed(report: SelftestReport, name: str) -> None:
    """Under the quick profile, and by a law that is meant to see it."""
    mutant = next(mutant for mutant in report.mutants if mutant.name == name)
    assert mutant.jaccheck is not None, f"{name} survived: {mutant.summary}"
    assert set(mutant.expected) & set(mutant.jaccheck.laws), mutant.jaccheck


@pytest.mark.full
def test_no_right_method_is_called_wrong(cases: list[Case]) -> None:
    """On every eighth case, by every method that can run here; `jaccheck verify` asks the same of all."""
    found = score(cases[::8], (), choose_methods(()), laws_of=QUICK)
    assert found.alarms == ()
    modes = {each.mode: each for each in found.false_alarms if each.judge == "jaccheck"}
    assert modes["exact"].results > 500
    assert modes["bound"].results > 500
    assert all(each.upper_limit < 0.01 for each in modes.values())


@pytest.mark.full
def test_what_a_listed_release_does_wrong_is_no_false_alarm() -> None:
    """Of BackPACK here; of torch's products on AMX on one machine and not on the next."""
    case = next(issue.case for issue in LAYER_ISSUES if issue.id == "avg-pool-divisor")
    assert case is not None
    method = find_method("sqrt_ggn_sum")
    assert judge(case, method, device="cpu").outcome is Outcome.DISAGREES
    assert score([case], (), [method], laws_of=QUICK).alarms == ()


@pytest.mark.full
def test_tolerances_miss_what_they_cannot_see(beside_tolerances: SelftestReport) -> None:
    """Small relative errors and all side effects pass torch's default tolerances; no visible crash does."""
    report = beside_tolerances
    survivors = {mutant.name: mutant for mutant in report.mutants if mutant.allclose is None}
    assert {"relative_error_1e_6", "relative_error_1e_12", "small_entries_dropped"} <= survivors.keys()
    assert {mutant.name for mutant in report.mutants if mutant.kind == "state"} <= survivors.keys()
    assert all(mutant.allclose for mutant in report.visible if mutant.kind in ("values", "structure", "crashes"))


def test_a_report_survives_json(beside_tolerances: SelftestReport) -> None:
    """What is written is read back."""
    assert from_json(SelftestReport, to_json(beside_tolerances), where="here") == beside_tolerances


@pytest.mark.parametrize("law", [law for law in LAWS if not law.backs], ids=lambda law: law.id)
def test_no_law_is_idle(report: SelftestReport, cases: list[Case], law: Law) -> None:
    """Without a law the mutants that only it can see survive, on the very cases on which they were killed."""
    only = {mutant.name: mutant for mutant in report.mutants if mutant.expected == (law.name,)}
    assert only
    for name, mutant in only.items():
        assert mutant.jaccheck is not None
        killer = cases[mutant.jaccheck.after - 1]
        assert not score([killer], [MUTANTS[name]], ()).survivors, name
        # The identities follow from agreement, and see some of what only it sees otherwise.
        rest = without(HOMOGENEITY, without(SUM_OVER_SAMPLES, without(law)))
        assert score([killer], [MUTANTS[name]], (), laws_of=rest).survivors, name


def test_a_false_alarm_is_counted() -> None:
    """A wrong method given as a right one is an alarm, and the report is not clean."""
    found = score(boundary_cases("generic", "float32"), (), [MUTANTS["sign"].method()])
    assert {each.judge: each.alarms for each in found.false_alarms if each.mode == "exact"} == dict.fromkeys(JUDGES, 3)
    assert len(found.alarms) == 3
    assert not found.is_clean


def test_a_mutant_that_changes_nothing_survives() -> None:
    """Every judge lets it live, also where its tolerance calls the base wrong: a false alarm kills nothing."""
    nothing = Mutant(
        name="nothing",
        kind="none",
        summary="Nothing is wrong.",
        base="outer_products",
        expected=frozenset({"agreement"}),
        spoil=lambda compute: compute,
    )
    cases = [case for family in ("smooth", "generic") for case in boundary_cases(family, "bfloat16")]
    found = score(cases, [nothing], choose_methods(["outer_products"]))
    assert all(found.mutants[0].kill(judge) is None for judge in JUDGES)
    assert not found.is_clean
    assert any(each.alarms for each in found.false_alarms if each.judge == "allclose")


def test_progress_is_told() -> None:
    """After each case."""
    told: list[tuple[int, int]] = []
    score(boundary_cases("generic", "float64"), (), (), on_case=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
