"""Issues of XLA's device, which any method shows there: they lie in its own kernels for the activations of torch."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import UnionType

from jaccheck.case import (
    ELU,
    GELU,
    SELU,
    Case,
    Flatten,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    Linear,
    LogSigmoid,
    MaxPool,
    ReLU,
    ReLU6,
    Sigmoid,
    Softplus,
)
from jaccheck.judging.known.case_issue import CRASH, WRONG, CaseIssue, small_case
from jaccheck.judging.known.issue import SEARCHED, Severity

_ALIKE = ReLU | LeakyReLU | ELU | Hardswish | Hardtanh | ReLU6 | Sigmoid | Softplus | LogSigmoid
_NO_BROADCAST = (
    r"Error while lowering: \[\] aten::"
    r"|Unimplemented implicit broadcast"
    r"|Shapes must be equal rank"
    r"|returned an invalid gradient at index"
    r"|split_with_sizes expects split_sizes to sum exactly"
    r"|forward gradient that has a different size"
    r"|shape '\[[\d, ]+\]' is invalid for input of size"
)


_Issue = partial(
    CaseIssue, package="torch_xla", versions=">=2.9", device="xla", shows_in_others=True, reference=SEARCHED
)


def _has(case: Case, kind: type | UnionType) -> bool:
    return any(isinstance(place.layer, kind) for place in case.places())


XLA_ISSUES: tuple[CaseIssue, ...] = (
    _Issue(
        id="xla-activation-backward-broadcast",
        title="The backward pass of an activation does not broadcast: several gradients by one input",
        severity=Severity.EXCEPTION,
        methods=("vmap_vjp", "vmap_jacrev", "func_jacrev", "func_jacfwd", "vmap_jacfwd", "outer_products"),
        condition="ReLU, LeakyReLU, ELU, Hardswish, Hardtanh, ReLU6, Sigmoid, Softplus or LogSigmoid on XLA's device",
        meets=lambda case: _has(case, _ALIKE),
        outcomes=(CRASH, WRONG),
        error_text=_NO_BROADCAST,
        value="shape",
        instead="an exception, sometimes only when the result is read; of ELU a result of the input's shape",
        reason="its kernels (threshold_backward, elu_backward, hardtanh_backward, …) take the shape of one argument, "
        "where torch's own broadcast the two",
        case=small_case((3,), Linear(out_features=5), ReLU(), Linear(out_features=2)),
    ),
    _Issue(
        id="xla-hardtanh-kink",
        title="Hardtanh and ReLU6 have the slope 1 at exactly their limits, where torch's own kernels have 0",
        severity=Severity.SILENT,
        methods=("autograd_loop",),
        condition="Hardtanh or ReLU6 on XLA's device, an input at exactly a limit",
        meets=lambda case: _has(case, Hardtanh | ReLU6),
        outcomes=(WRONG,),
        instead="entries that are not zero",
        reason="not looked up in its source: at a limit it keeps the gradient, which torch's own kernels drop",
        case=small_case((3,), Linear(out_features=5), Hardtanh(), Linear(out_features=2)),
    ),
    _Issue(
        id="xla-gelu-float64",
        title="GELU in float64 has the precision of float32, forward and backward",
        severity=Severity.SILENT,
        methods=("autograd_loop",),
        condition="GELU in float64 on XLA's device",
        meets=lambda case: case.dtype == "float64" and _has(case, GELU),
        outcomes=(WRONG,),
        instead="eight digits",
        reason="not looked up in its source: the values are as precise as if a constant were a float32",
        case=replace(small_case((3,), Linear(out_features=5), GELU(), Linear(out_features=2)), dtype="float64"),
    ),
    _Issue(
        id="xla-elu-slope",
        title="ELU and SELU have a wrong slope at negative inputs, which depends on what came before",
        severity=Severity.SILENT,
        methods=("autograd_loop",),
        condition="ELU or SELU on XLA's device, a negative input",
        meets=lambda case: _has(case, ELU | SELU),
        outcomes=(WRONG,),
        instead="0 at -1 for ELU, or the slope by the constants of another ELU, CELU or SELU that came first",
        reason="seen from outside: it takes the input for the output, and all of these for one compiled program, with "
        "the constants of the first one of the process",
        case=small_case((3,), Linear(out_features=5), ELU(), Linear(out_features=2)),
    ),
    _Issue(
        id="xla-selu-functorch",
        title="torch.func sees no derivative of SELU: it is zero",
        severity=Severity.SILENT,
        methods=("vmap_vjp", "vmap_jacrev", "func_jacrev"),
        condition="SELU on XLA's device, under a transform of torch.func",
        meets=lambda case: _has(case, SELU),
        outcomes=(WRONG,),
        instead="zeros",
        reason="torch warns that aten::selu has no autograd kernel there, which may be silently incorrect",
        case=small_case((3,), Linear(out_features=5), SELU(), Linear(out_features=2)),
    ),
    _Issue(
        id="xla-max-pool-functorch",
        title="MaxPool2d and MaxPool3d run under no transform of torch.func",
        severity=Severity.EXCEPTION,
        methods=("vmap_vjp", "vmap_jacrev", "func_jacrev"),
        condition="MaxPool2d or MaxPool3d on XLA's device, under a transform of torch.func",
        meets=lambda case: _has(case, MaxPool),
        outcomes=(CRASH,),
        error_text=r"cannot use C\+\+ torch::autograd::Function with functorch",
        instead="an exception",
        reason="it has a C++ autograd function for them, which cannot be transformed",
        case=small_case((1, 3, 3), MaxPool(axes=2, kernel_size=2), Flatten(), Linear(out_features=2)),
    ),
)
