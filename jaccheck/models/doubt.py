"""What is left of an answer where autograd, with which it was compared, is contradicted."""

from __future__ import annotations

from dataclasses import replace

from jaccheck.reports import MethodAnswer, Outcome

AS_AUTOGRAD = "as autograd says, which a difference quotient contradicts"
NOT_AS_AUTOGRAD = "not as autograd says, which a difference quotient contradicts"


def doubted(answer: MethodAnswer) -> MethodAnswer:
    """The same answer, undecided where it was a verdict: equal to what is wrong, or not equal to it."""
    verdicts = (answer.outcome, answer.in_float64)
    if answer.comparison != "estimate" or not any(each is not None and _is_verdict(each) for each in verdicts):
        return answer
    own, double = (Outcome.UNDECIDED if each is not None and _is_verdict(each) else each for each in verdicts)
    reason = NOT_AS_AUTOGRAD if answer.is_wrong else AS_AUTOGRAD
    message = "; ".join(text for text in (reason, answer.message) if text)
    return replace(answer, outcome=own or answer.outcome, in_float64=double, message=message)


def _is_verdict(outcome: Outcome) -> bool:
    return outcome.is_usable or outcome is Outcome.DISAGREES
