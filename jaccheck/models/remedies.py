"""What makes a method run that crashed on a user's model: a look into the table, and into the model."""

from __future__ import annotations

import re
from dataclasses import replace

from jaccheck.judging import LAYER_ISSUES, SEQUENCE_ISSUES, operations_of
from jaccheck.methods import Method, Problem
from jaccheck.models.remedy_table import REMEDIES
from jaccheck.reports import THIS_IS, MethodAnswer, Outcome


def with_remedy(method: Method, answer: MethodAnswer, problem: Problem) -> MethodAnswer:
    """The answer with what makes the method run on the model, where it crashed for a reason that is in the table."""
    crashed = answer.outcome is Outcome.CRASHED  # float64 may crash for another reason, and is told where it does alone
    message = answer.message if crashed else answer.message_in_float64 if answer.in_float64 is Outcome.CRASHED else ""
    return replace(answer, remedy=remedy_of(method, message, problem)) if message else answer


def remedy_of(method: Method, message: str, problem: Problem) -> str:
    """What makes the method run, or names the issue that it is; empty where the exception is not in the table."""
    modules = {kind.__name__ for module in problem.model.modules() for kind in type(module).__mro__}
    for remedy in REMEDIES:
        is_meant = not remedy.families or method.family in remedy.families
        is_meant &= not remedy.module or remedy.module in modules
        if not is_meant or not re.search(remedy.pattern, message):
            continue
        if remedy.operation and remedy.operation not in operations_of(problem):
            continue
        if remedy.where and not remedy.where(problem):
            continue
        issue = remedy.issue if _is_here(remedy.issue, method) else ""
        known = f"{THIS_IS} {issue}, see `jaccheck known {issue}`" if issue else ""
        return "; ".join(text for text in (remedy.advice, known) if text)
    return ""


def _is_here(issue: str, method: Method) -> bool:
    """Whether the issue is one of the installed version, and one that this method shows."""
    if any(each.id == issue and each.is_in_installed for each in SEQUENCE_ISSUES):
        return True  # these have no methods of ours: the line of the table names the families
    return any(each.id == issue and each.is_here and each.is_shown_by(method.name) for each in LAYER_ISSUES)
