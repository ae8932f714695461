"""Issues of BackPACK in what stands between layers, and in what a layer gets and gives beside its batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from jaccheck.case import (
    AddEmbedding,
    Case,
    Dropout,
    Flatten,
    Linear,
    Normal,
    Pad,
    Parallel,
    Recurrent,
    Residual,
    Slice,
    Take,
)
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

OWN_MODULES = ("sqrt_ggn_modules",)


def _masks(case: Case, p: float) -> bool:
    return any(layer.training and layer.p == p for layer in layers_of(case, Dropout))


def _takes_again(case: Case) -> bool:
    return any(len(set(layer.indices)) < len(layer.indices) for layer in layers_of(case, Take))


def _cuts_off(case: Case) -> bool:
    return any(min(layer.padding) < 0 for layer in layers_of(case, Pad))


def _branches(case: Case) -> Iterator[object]:
    for layer in (*layers_of(case, Parallel), *layers_of(case, Residual)):
        yield from (first for _, run in layer.runs for first in run[:1])


def _branches_off_a_view(case: Case) -> bool:
    return any(isinstance(layer, Slice) for layer in _branches(case))


VIEW_ISSUES: tuple[CaseIssue, ...] = (
    CaseIssue(
        id="dropout-zero-before-it",
        title="Dropout in training mode: an entry that was exactly 0 before it counts as dropped",
        severity=Severity.SILENT,
        package=BACKPACK,
        versions=">=1.5",
        methods=SQRT_GGN,
        condition="a Dropout in training mode that keeps an entry which is exactly 0",
        meets=lambda case: _masks(case, 0),
        outcomes=(WRONG,),
        instead="the derivative by such an entry is 0 and not 1/(1 − p)",
        reason="DropoutDerivatives.df takes what is 0 in the output for what was dropped",
        reference=SEARCHED,
        # With this seed the Linear gives 1 − 1.
        case=replace(small_case((1,), Linear(out_features=1), Dropout(p=0.0, training=True)), batch_size=1, seed=2),
    ),
    CaseIssue(
        id="dropout-of-everything",
        title="Dropout with p=1 in training mode: ZeroDivisionError",
        severity=Severity.EXCEPTION,
        package=BACKPACK,
        versions=">=1.5",
        methods=SQRT_GGN,
        condition="a Dropout with p=1 in training mode above a layer with parameters",
        meets=lambda case: _masks(case, 1),
        outcomes=(CRASH,),
        error_text="division by zero",
        instead="ZeroDivisionError",
        reason="DropoutDerivatives.df divides by 1 − p",
        reference=SEARCHED,
        case=small_case((1,), Linear(out_features=1), Dropout(p=1.0, training=True)),
    ),
    CaseIssue(
        id="slicing-repeated-indices",
        title="Slicing with an index that stands twice: one of the two derivatives is left out",
        severity=Severity.SILENT,
        package=BACKPACK,
        versions=">=1.6",
        methods=OWN_MODULES,
        condition="a Slicing by a list of indices of which one stands there more than once",
        meets=_takes_again,
        outcomes=(WRONG,),
        instead="the derivative of the last of them; autograd adds them up",
        reason="SlicingDerivatives writes into the indices where it should add",
        reference=SEARCHED,
        case=small_case((1,), Linear(out_features=2), Take(axis=1, indices=(1, 1)), Linear(out_features=1)),
    ),
    CaseIssue(
        id="slicing-in-a-branch",
        title="Slicing from the first entry on, in a branch: an exception about sizes",
        severity=Severity.EXCEPTION,
        package=BACKPACK,
        versions=">=1.6",
        methods=OWN_MODULES,
        condition="a Slicing as the first module of a branch",
        meets=_branches_off_a_view,
        outcomes=(CRASH, WRONG),
        error_text="must match the size|do not match",
        instead="RuntimeError: The size of tensor a (2) must match the size of tensor b (3)",
        reason="what is backpropagated is kept by data_ptr(), which a view has in common with its base",
        reference=SEARCHED,
        case=small_case(
            (1,),
            Linear(out_features=3),
            Parallel(branches=((Slice(axis=1, stop=2),), (Linear(out_features=2),))),
        ),
    ),
    CaseIssue(
        id="pad-negative",
        title="Pad that cuts off: an exception about shapes",
        severity=Severity.EXCEPTION,
        package=BACKPACK,
        versions=">=1.6",
        methods=OWN_MODULES,
        condition="BackPACK's Pad with a negative number above a layer with parameters",
        meets=_cuts_off,
        outcomes=(CRASH, WRONG),
        error_text="do not match",
        instead="RuntimeError: Compared shapes … do not match",
        reason="the padding is cut out of the backpropagated matrix with a negative start",
        reference=SEARCHED,
        case=small_case((1,), Linear(out_features=2), Pad(padding=(-1, 1))),
    ),
    CaseIssue(
        id="embedding-of-constants",
        title="An Embedding of indices without an axis of samples: their first axis is taken for it",
        severity=Severity.SILENT,
        package=BACKPACK,
        versions=">=1.5",
        methods=(*BATCH_GRAD, "sqrt_ggn_converted"),
        condition="an Embedding of constant indices that are the same for all samples, as one of positions",
        meets=lambda case: any(not layer.expand for layer in layers_of(case, AddEmbedding)),
        outcomes=(WRONG, CRASH),
        error_text="shape|size|Shapes",
        instead="one gradient for each index in the place of one for each sample; where there is one index, the sum "
        "over the batch; an exception of the converter",
        reason="EmbeddingDerivatives takes axis 0 of its input for the samples",
        reference=SEARCHED,
        case=small_case(
            (2, 2),
            Linear(out_features=2),
            AddEmbedding(num_embeddings=2, indices=(0, 1)),
            Flatten(),
            Linear(out_features=1),
        ),
    ),
    CaseIssue(
        id="recurrent-initial-state",
        title="RNN and LSTM with an initial state: derivatives by the weights are those of a state of zeros",
        severity=Severity.SILENT,
        package=BACKPACK,
        versions=">=1.5",
        methods=BATCH_GRAD,
        condition="an RNN or LSTM that is given a state to begin with",
        meets=lambda case: any(layer.has_state for layer in layers_of(case, Recurrent)),
        outcomes=(WRONG,),
        instead="the Jacobian of weight_hh_l0 without the first step, of an LSTM those of all parameters",
        reason="a step of zeros is put before the outputs, and input1 is never read",
        reference=SEARCHED,
        case=replace(
            small_case((2, 2), Recurrent(hidden_size=2, has_state=True), Flatten(), Linear(out_features=1)),
            recipe=Normal(),
        ),
    ),
    CaseIssue(
        id="recurrent-second-output",
        title="RNN and LSTM whose last state h_n is used: its part is left out, or an exception",
        severity=Severity.SILENT,
        package=BACKPACK,
        versions=">=1.5",
        methods=BATCH_GRAD,
        condition="an RNN or LSTM whose second output reaches the network's",
        meets=lambda case: any(layer.returns != "outputs" for layer in layers_of(case, Recurrent)),
        outcomes=(WRONG, CRASH),
        error_text="'NoneType' object (has no attribute|is not subscriptable)|has seen no module that uses it",
        instead="the Jacobian through the outputs alone; where only the state is used, "
        "AttributeError: 'NoneType' object has no attribute 'shape', and of an LSTM no result at all",
        reason="the hooks read the gradient of the first output only",
        reference=SEARCHED,
        case=replace(
            small_case((2, 2), Recurrent(hidden_size=2, returns="both"), Flatten(), Linear(out_features=1)),
            recipe=Normal(),
        ),
    ),
)
