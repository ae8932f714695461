"""What makes a method run that crashed on a user's model: a look into the table, and into the model."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from jaccheck.judging import LAYER_ISSUES, operations_of
from jaccheck.methods import Method, Problem, copy_of
from jaccheck.models.remedy_table import REMEDIES
from jaccheck.reports import THIS_IS, MethodAnswer, Outcome


def with_remedy(method: Method, answer: MethodAnswer, problem: Problem) -> MethodAnswer:
    """The answer with what makes the method run on the model, where it crashed for a reason that is in the table."""
    seen = {answer.outcome: answer.message, answer.in_float64: answer.message_in_float64}
    message = seen.get(Outcome.CRASHED, "")
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
        if remedy.is_used_twice and not any(len(rows) > 1 for rows in rows_by_module(problem).values()):
            continue
        if remedy.is_of_other_rows and all({*rows} <= {problem.N, None} for rows in rows_by_module(problem).values()):
            continue
        if remedy.writes_buffers and not _writes_buffers(problem):
            continue
        issue = remedy.issue if _is_here(remedy.issue, method) else ""
        known = f"{THIS_IS} {issue}, see `jaccheck known {issue}`" if issue else ""
        return "; ".join(text for text in (remedy.advice, known) if text)
    return ""


def rows_by_module(problem: Problem) -> dict[nn.Module, list[int | None]]:
    """By module with parameters of its own: how many rows each call of it in a forward pass gets, as far as that comes.

    None is what it gets where that is no tensor.
    """
    copied, calls = copy_of(problem), defaultdict[nn.Module, list[int | None]](list)

    def heard(module: nn.Module, given: tuple[Any, ...]) -> None:
        first = given[0] if given else None
        calls[module].append(len(first) if isinstance(first, Tensor) and first.dim() else None)

    for module in copied.model.modules():
        if any(True for _ in module.parameters(recurse=False)):
            module.register_forward_pre_hook(heard)
    with contextlib.suppress(Exception):  # whatever a model raises that looks for hooks, or counts its passes
        copied.model(copied.X)
    return calls


def _writes_buffers(problem: Problem) -> bool:
    """Whether a forward pass of one sample writes into buffers, as far as it comes."""
    copied = copy_of(problem)
    buffers = list(copied.model.buffers())
    versions = [each._version for each in buffers]
    with contextlib.suppress(Exception):
        copied.model(copied.X[:1])
    return versions != [each._version for each in buffers]


def _is_here(issue: str, method: Method) -> bool:
    """Whether the issue is one of the installed version, and one that this method shows."""
    return any(each.id == issue and each.is_here and each.is_shown_by(method.name) for each in LAYER_ISSUES)
