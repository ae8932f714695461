"""The law that every entry is right."""

from __future__ import annotations

from jaccheck.judging.comparison import Difference, compare_values, largest_test_ratio
from jaccheck.judging.laws.law import Law, When
from jaccheck.judging.laws.trial import Trial
from jaccheck.judging.reference import Expectation
from jaccheck.judging.scripts.entries import result_ending
from jaccheck.reports import Comparison, Outcome, Source, WrongEntry


def _agreement(trial: Trial) -> None:
    compared = list(trial.reference.expectations(trial.method))
    differences: dict[Source, Difference] = {}
    for expectation in compared:
        trial.comparisons.append(_comparison(trial, expectation))
        if difference := compare_values(trial.flat, expectation):
            differences[expectation.source] = difference
    if differences:
        trial.is_contradicted = True
        worst = next(each.worst for each in differences.values() if each.worst)
        detail = WrongEntry(
            worst=worst,
            contradicts=tuple(differences),
            is_alone=len(differences) < len(compared),
            pattern=next((each.hint for each in differences.values() if each.hint), ""),
        )
        raise AGREEMENT.broken(Outcome.DISAGREES, detail)


def _comparison(trial: Trial, expectation: Expectation) -> Comparison:
    actual, is_bound = trial.flat, expectation.mode == "bound"
    return Comparison(
        reference=expectation.source,
        mode=expectation.mode,
        entries=actual.size,
        nonzero=trial.reference.nonzero,
        undecided=expectation.undecided,
        test_ratio=largest_test_ratio(actual, expectation.expected, expectation.bound) if is_bound else 0.0,
    )


AGREEMENT = Law(
    name="agreement",
    statement="every entry equals the closed form and autograd, or is within its proven bound of them",
    when=When.ALWAYS,
    ask=_agreement,
    ending=result_ending,
)
