"""Issues of BackPACK in how a network is put together: parameters that are used twice, outputs that are added up."""

from __future__ import annotations

from collections.abc import Iterator

from jaccheck.case import Case, Dropout, Flatten, Identity, Layer, Linear, Parallel, Repeat, Sequential, Tied
from jaccheck.judging.known.case_issue import (
    BACKPACK,
    BATCH_GRAD,
    CRASH,
    SQRT_GGN,
    WRONG,
    CaseIssue,
    layers_of,
    small_case,
)
from jaccheck.judging.known.issue import SEARCHED, Severity
from jaccheck.judging.laws.aliasing import NO_ALIASING
from jaccheck.reports import Outcome


def repeats(case: Case) -> bool:
    """Whether layers are used more than once."""
    return any(layer.times > 1 for layer in layers_of(case, Repeat))


def ties(case: Case) -> bool:
    """Whether two modules hold the same parameters."""
    return any(layer.times > 1 for layer in layers_of(case, Tied))


def _ends(run: tuple[Layer, ...]) -> Iterator[Layer]:
    """What the derivative by the output of a run of layers reaches first; it goes through some layers as it is."""
    for layer in reversed(run):
        match layer:
            case Identity() | Dropout() | Flatten():
                continue
            case Sequential(layers=inside):
                yield from _ends(inside)
            case Parallel(branches=branches, merge="sum"):
                for branch in branches:
                    yield from _ends(branch)
            case _:
                yield layer
        return


def _adds_biases(case: Case) -> bool:
    sums = (layer for layer in layers_of(case, Parallel) if layer.merge == "sum")
    return any(sum(isinstance(end, Linear) and end.bias for end in _ends((each,))) > 1 for each in sums)


GRAPH_ISSUES: tuple[CaseIssue, ...] = (
    CaseIssue(
        id="module-used-twice",
        title="A module that is called twice in a forward pass: an exception about an attribute",
        severity=Severity.EXCEPTION,
        package=BACKPACK,
        versions=">=1.5",
        methods=BATCH_GRAD,
        inherited_by=("laplace_backpack",),
        condition="the same module with parameters twice in a row, of which BackPACK's documentation warns",
        meets=repeats,
        outcomes=(CRASH, WRONG),
        error_text="has no attribute 'output'|has no attribute 'input0'",
        instead="AttributeError: 'Linear' object has no attribute 'output'",
        reason="a module keeps one input and output, and frees them at the first of its two backward calls",
        reference="https://github.com/f-dangel/backpack/issues/248",
        case=small_case((2,), Repeat(layers=(Linear(out_features=2),)), Linear(out_features=3)),
    ),
    CaseIssue(
        id="parameter-of-two-modules",
        title="A parameter that two modules hold: the Jacobian is that of one of its two uses, without a word",
        severity=Severity.SILENT,
        package=BACKPACK,
        versions=">=1.5",
        methods=(*BATCH_GRAD, *SQRT_GGN),
        inherited_by=("laplace_backpack",),
        condition="modules that hold the same parameters (tied weights)",
        meets=ties,
        outcomes=(WRONG,),
        instead="the term of the module that was called first, the others left out; autograd adds them up",
        reason="each module sets grad_batch or sqrt_ggn_exact of its parameter, over what another one has set",
        reference=SEARCHED,
        case=small_case((2,), Tied(layers=(Linear(out_features=2),)), Linear(out_features=3)),
    ),
    CaseIssue(
        id="batch-grad-bias-shared-memory",
        title="grad_batch of the biases of layers whose outputs are added up is one tensor in memory",
        severity=Severity.SIDE_EFFECT,
        package=BACKPACK,
        versions=">=1.7",
        methods=("batch_grad_repeated",),
        condition="branches that are added up, two of which end in a Linear with a bias, or in one and an Identity",
        meets=_adds_biases,
        outcomes=(Outcome.SIDE_EFFECT,),
        law=NO_ALIASING.name,
        instead="right numbers in tensors that share memory: whoever changes one in place changes the other",
        reason="BatchGrad stores the gradient by the output itself, which autograd hands to both",
        reference=SEARCHED,
        case=small_case((2,), Parallel(branches=((Linear(out_features=2),), (Linear(out_features=2),)))),
    ),
)
