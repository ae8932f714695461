"""Which known issue of a release a wrong answer may be: by what the model calls, and by its layers and their calls.

A crash that no remedy is known for may be one of a layer, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import nn

from jaccheck.judging import (
    HALF_GROUP_NORM,
    LAYER_ISSUES,
    PADDING_ROW,
    SEQUENCE_ISSUES,
    is_of_backpack,
    issue_of,
    operations_of,
)
from jaccheck.methods import Problem
from jaccheck.models.observed import rows_by_module, uses_last_states
from jaccheck.models.uses import (
    holds_a_parameter_twice,
    hooks_change_outputs,
    uses_parameters_outside_of_layers,
)
from jaccheck.reports import LAYER_MAY_BE, MAY_BE, USE_MAY_BE, MethodAnswer, Outcome

Condition = Callable[[nn.Module], bool]
"""Whether a module of the model is as an issue says."""

_Conv = nn.modules.conv._ConvNd
_Transposed = nn.modules.conv._ConvTransposeNd


def with_issues(answers: Sequence[MethodAnswer], problem: Problem) -> Iterator[MethodAnswer]:
    """The answers, a wrong one with the known issue that its method has for what the model calls, or for its layers."""
    called = operations_of(problem) if any(answer.is_wrong for answer in answers) else frozenset()
    for answer in answers:
        if answer.outcome is Outcome.CRASHED and not answer.remedy:
            name = _of_layers(answer.method, problem, raised=answer.message)
            yield replace(answer, remedy=f"{LAYER_MAY_BE} {name}, see `jaccheck known {name}`") if name else answer
        elif not answer.is_wrong:
            yield answer
        elif name := _of_operations(answer.method, called):
            yield replace(answer, remedy=f"{MAY_BE} {name}, see `jaccheck known {name}`")
        elif name := _of_layers(answer.method, problem):
            yield replace(answer, remedy=f"{LAYER_MAY_BE} {name}, see `jaccheck known {name}`")
        elif name := _of_uses(answer.method, problem):
            yield replace(answer, remedy=f"{USE_MAY_BE} {name}, see `jaccheck known {name}`")
        else:
            yield answer


def _of_operations(method: str, called: frozenset[str]) -> str:
    """The issue of the installed versions that the method shows with wrong numbers on an operation that is called."""
    if issue := issue_of(method, called):
        return issue.id
    return next(
        (
            issue.id
            for issue in LAYER_ISSUES
            if issue.is_here and issue.is_shown_by(method) and OPERATIONS.get(issue.id) in called
        ),
        "",
    )


def _of_layers(method: str, problem: Problem, raised: str = "") -> str:
    """The issue of the installed versions that the method shows with wrong numbers on a layer that the model has.

    Or with an exception that says what was raised.
    """
    outcome = Outcome.CRASHED if raised else Outcome.DISAGREES
    for issue in LAYER_ISSUES:
        if not (issue.is_here and issue.is_shown_by(method) and outcome in issue.outcomes):
            continue
        if raised and not (issue.error_text and re.search(issue.error_text, raised)):
            continue
        condition, called = LAYERS.get(issue.id), CALLS.get(issue.id)
        if condition and any(condition(module) for module in problem.own.modules()):
            return issue.id
        if called and any(called(module, rows, problem.N) for module, rows in rows_by_module(problem).items()):
            return issue.id
    return ""


def _of_uses(method: str, problem: Problem) -> str:
    """The issue of the installed versions that the method shows with wrong numbers where a model does what it does."""
    shown = [each.id for each in LAYER_ISSUES if each.is_here and each.is_shown_by(method)]
    if is_of_backpack(method):
        shown += [each.id for each in SEQUENCE_ISSUES if each.is_in_installed]
    return next((name for name in shown if name in USES and USES[name](problem)), "")


def _pads(module: nn.Module, *modes: str) -> bool:
    return isinstance(module, _Conv) and module.padding_mode in modes


def _has_padding_row(module: nn.Module) -> bool:
    return isinstance(module, nn.Embedding) and module.padding_idx is not None


OPERATIONS: Mapping[str, str] = {
    "torch-embedding-padding-forward-mode": PADDING_ROW,
    "torch-vmap-embedding-padding": PADDING_ROW,
    "torch-expanded-weights-embedding-padding": PADDING_ROW,
    "torch-vmap-group-norm-float16": HALF_GROUP_NORM,
    "torch-vmap-prelu": "_prelu_kernel",
    "torch-forward-mode-prelu-at-zero": "_prelu_kernel",
}
"""By issue of torch: the operation that shows it, whether a layer or a function of the user's calls it."""

LAYERS: Mapping[str, Condition] = {
    "conv-padding-mode": lambda m: _pads(m, "reflect", "replicate", "circular"),
    "conv-string-padding": lambda m: isinstance(m, _Conv) and isinstance(m.padding, str),
    "conv-transpose-output-padding": lambda m: isinstance(m, _Transposed) and any(m.output_padding),
    "embedding-dtype": lambda m: isinstance(m, nn.Embedding) and m.weight.dtype is not torch.float32,
    "torch-linearize-circular-padding": lambda m: _pads(m, "circular"),
    "opacus-conv-padding-mode": lambda m: _pads(m, "reflect", "replicate", "circular"),
    "opacus-embedding-padding": _has_padding_row,
    "nngeometry-conv-padding-mode": lambda m: _pads(m, "reflect", "replicate", "circular"),
    "laplace-asdl-conv-padding-mode": lambda m: _pads(m, "reflect", "replicate", "circular"),
    "laplace-asdl-conv-groups": lambda m: isinstance(m, nn.Conv2d) and m.groups > 1,
    "captum-conv-padding-mode": lambda m: _pads(m, "reflect", "replicate", "circular"),
}
"""By issue: the layers on which it shows, where a look at one layer is enough to know."""


def _is_of_others(module: nn.Module, rows: Sequence[int | None], N: int) -> bool:
    return isinstance(module, nn.Embedding) and not {*rows} <= {N, None}


CALLS: Mapping[str, Callable[[nn.Module, Sequence[int | None], int], bool]] = {
    "embedding-of-constants": _is_of_others,
    "module-used-twice": lambda module, rows, N: len(rows) > 1,
}
"""By issue: how a layer is called where it shows, by the rows of each call and the number of samples."""

USES: Mapping[str, Callable[[Problem], bool]] = {
    "recurrent-second-output": uses_last_states,
    "parameter-of-two-modules": holds_a_parameter_twice,
    "captum-parameter-of-two-modules": holds_a_parameter_twice,
    "hook-changes-output": hooks_change_outputs,
    "weight-used-outside-its-layer": uses_parameters_outside_of_layers,
}
"""By issue: what a model does where it shows, which no look at one layer tells."""
