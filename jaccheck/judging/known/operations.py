"""Known issues of operations that users' models call and no random case does."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._C import _functorch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from jaccheck.judging.known.case_issue import FORWARD_MODE
from jaccheck.judging.known.issue import SEARCHED, KnownIssue, Severity
from jaccheck.methods import Problem, checkpoint_around, copy_of

REVERSE_BY_VMAP = (
    *("func_jacrev", "func_jacrev_chunked", "vmap_jacrev", "vmap_jacrev_chunked"),
    *("vmap_vjp", "vmap_vjp_chunked"),
)


INNER_GRADIENT = "autograd.grad"
RUNNING_STATISTICS = "instance_norm by running statistics"
CHECKPOINT, REENTRANT_CHECKPOINT = "checkpoint", "reentrant checkpoint"
NO_GRAD = "torch.no_grad"
VMAP, TRANSFORM = "vmap", "another transformation of torch.func"
PADDING_ROW, HALF_GROUP_NORM = "embedding with a padding row", "group norm in float16"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationIssue(KnownIssue):
    """An issue that `methods` show where a forward pass calls one of `operations`.

    They have torch's name without "aten::"; `INNER_GRADIENT` is a gradient that the forward pass computes itself, and
    `RUNNING_STATISTICS` an instance norm by these. What is called below a checkpoint has `CHECKPOINT` or
    `REENTRANT_CHECKPOINT` beside it, what is called inside of torch.func `VMAP` or `TRANSFORM`.
    `NO_GRAD` is what is computed under it of tensors that require a gradient.
    """

    operations: frozenset[str]
    is_of_samples: bool = False
    """Whether a sample alone gets other numbers than in a batch, whatever the method."""


def operations_of(problem: Problem) -> frozenset[str]:
    """The names of all operations of torch that a forward pass of one sample calls, as far as it comes."""
    copied, called, functions = copy_of(problem), _Called(), _Functions()
    with contextlib.suppress(Exception), functions, called:  # whatever a model raises that does not run below a mode
        copied.model(copied.X[:1])
    return frozenset(called.names | functions.names)


class _Called(TorchDispatchMode):
    """Writes the names of operations down."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.partition("::")[2]
        self.names.add(name)
        if name == "embedding" and len(args) > 2 and args[2] >= 0:
            self.names.add(PADDING_ROW)
        if name == "native_group_norm" and args[0].dtype is torch.float16:
            self.names.add(HALF_GROUP_NORM)
        if around := checkpoint_around():
            self.names.add(REENTRANT_CHECKPOINT if around.is_reentrant else CHECKPOINT)
        return func(*args, **(kwargs or {}))


class _Functions(TorchFunctionMode):
    """Writes down what is called by torch's functions, and cannot be told by the operations that they call."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.autograd.grad:
            self.names.add(INNER_GRADIENT)
        if func is torch.nn.functional.instance_norm and not (kwargs or {}).get("use_input_stats", True):
            self.names.add(RUNNING_STATISTICS)
        if not torch.is_grad_enabled() and any(isinstance(each, Tensor) and each.requires_grad for each in args):
            self.names.add(NO_GRAD)
        if inside := _functorch.peek_interpreter_stack():
            self.names.add(VMAP if inside.key() == _functorch.TransformType.Vmap else TRANSFORM)
        return func(*args, **(kwargs or {}))


OPERATION_ISSUES: tuple[OperationIssue, ...] = (
    OperationIssue(
        id="torch-vmap-cdist",
        title="The derivative of cdist under vmap puts the gradients of all outputs into the rows of the first",
        severity=Severity.SILENT,
        package="torch",
        versions=">=2.13",
        methods=REVERSE_BY_VMAP,
        operations=frozenset({"_cdist_forward"}),
        condition="vmap over the backward pass of torch.cdist, as in jacrev",
        instead="the gradient by another row's output",
        reason="the batching rule of _cdist_backward gives the kernel a gradient with a batch that it does not expect",
        reference=SEARCHED,
    ),
    OperationIssue(
        id="torch-vmap-lu-solve",
        title="linalg.solve, det and slogdet in vmap(jacfwd(…)): numbers of some samples are wrong",
        severity=Severity.SILENT,
        package="torch",
        versions=">=2.13,<2.15",
        methods=("vmap_jacfwd", "vmap_jacfwd_chunked"),
        operations=frozenset({"_linalg_solve_ex", "_linalg_det", "_linalg_slogdet", "linalg_lu_solve"}),
        condition="a matrix that depends on a parameter and differs from sample to sample, in forward mode under vmap",
        instead="infinite, NaN or other numbers in the rows of some samples",
        reason="vmap of vmap of torch.linalg.lu_solve, for many right-hand sides of each matrix, is wrong alone",
        reference=SEARCHED,
    ),
    OperationIssue(
        id="torch-matrix-exp-of-one",
        title="linalg.matrix_exp of a single small matrix has few digits: five in float32, eleven in float64",
        severity=Severity.SILENT,
        package="torch",
        versions=">=1.7,<2.15",
        methods=("torch itself",),
        operations=frozenset({"linalg_matrix_exp"}),
        is_of_samples=True,
        condition="one matrix, not a batch, of 1-norm 3e-4 to 0.05 in float64 and 0.05 to 0.58 in float32",
        instead="numbers off by up to 3e-5 in float32 and 1e-10 in float64, and other ones than in a batch of two",
        reason="a coefficient of the polynomial of degree 8 is wrong; batches take that of degree 18",
        reference="https://github.com/pytorch/pytorch/issues/196592",
    ),
    OperationIssue(
        id="torch-expanded-weights-packed-order",
        title="ExpandedWeights: rows of a PackedSequence are those of other samples",
        severity=Severity.SILENT,
        package="torch",
        versions=">=2.13",
        methods=("expanded_weights", "opacus_ew"),
        operations=frozenset({"_pack_padded_sequence"}),
        condition="a recurrent layer over pack_padded_sequence(…, enforce_sorted=False), samples not sorted by length",
        instead="row n of the recurrent parameters is that of the n-th longest sample",
        reason="the packed data hold the samples by length, and the order is not undone in grad_sample",
        reference=SEARCHED,
    ),
    OperationIssue(
        id="torch-expanded-weights-instance-norm",
        title="ExpandedWeights: an InstanceNorm in evaluation mode counts as normalised by each instance",
        severity=Severity.SILENT,
        package="torch",
        versions=">=2.13",
        methods=("expanded_weights",),
        operations=frozenset({RUNNING_STATISTICS}),
        condition="an InstanceNorm with track_running_stats in evaluation mode, which normalises by running statistics",
        instead="the gradients by its weight, and by what lies below it, of an InstanceNorm in training mode",
        reason="the backward pass computes mean and variance of each instance, whatever use_input_stats says",
        reference="searched, none found (2026-12-01)",
    ),
    OperationIssue(
        id="torch-expanded-weights-inner-gradient",
        title="ExpandedWeights: wrong gradients where the forward pass computes a gradient itself",
        severity=Severity.SILENT,
        package="torch",
        versions=">=2.13",
        methods=("expanded_weights",),
        operations=frozenset({INNER_GRADIENT}),
        condition="a forward pass that calls torch.autograd.grad on what layers give, as for forces and PINNs",
        instead="the gradients of those layers' outputs, alone or added to what is right",
        reason="the backward pass within the forward pass stores grad_sample too, and is not differentiated",
        reference="searched, none found (2026-12-01)",
    ),
    OperationIssue(
        id="torch-forward-mode-no-grad",
        title="Forward mode differentiates what is computed under torch.no_grad, where reverse mode does not",
        severity=Severity.SILENT,
        package="torch",
        versions=">=2.0",
        methods=FORWARD_MODE,
        operations=frozenset({NO_GRAD}),
        condition="a forward pass that computes with its parameters under torch.no_grad, as equilibrium models do; "
        "what is detached is a constant in both modes",
        instead="the derivative through all of it",
        reason="torch.no_grad does not apply to forward mode, as its documentation says, and that of jacfwd does not",
        reference="https://github.com/pytorch/pytorch/issues/128600",
    ),
)


def issue_of_samples(called: frozenset[str]) -> OperationIssue | None:
    """The issue of the installed version by which these operations give a sample alone other numbers."""
    return next(
        (each for each in OPERATION_ISSUES if each.is_of_samples and each.operations & called and each.is_in_installed),
        None,
    )


def issue_of(method: str, called: frozenset[str]) -> OperationIssue | None:
    """The issue of the installed version that this method shows on a model that calls these operations."""
    return next(
        (
            each
            for each in OPERATION_ISSUES
            if method in each.methods and each.operations & called and each.is_in_installed
        ),
        None,
    )
