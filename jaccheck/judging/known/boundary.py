"""Issues of torch in layers that BackPACK does not know."""

from __future__ import annotations

from dataclasses import replace

from jaccheck.case import Case, Flatten, GroupNorm, Integers, Linear, Normal, PReLU, Recurrent, SelfAttention
from jaccheck.judging.known.case_issue import (
    CRASH,
    FORWARD_MODE,
    VMAP_FORWARD_MODE,
    WRONG,
    CaseIssue,
    layers_of,
    small_case,
)
from jaccheck.judging.known.issue import SEARCHED, Severity
from jaccheck.judging.laws.aliasing import NO_ALIASING
from jaccheck.reports import Outcome

VMAP_REVERSE = ("vmap_jacrev", "vmap_jacrev_chunked", "vmap_vjp", "vmap_vjp_chunked")
FUNC_JACREV = ("func_jacrev", "func_jacrev_chunked")
HEAD = (Flatten(), Linear(out_features=2))


def _lstms(case: Case) -> list[Recurrent]:
    return [layer for layer in layers_of(case, Recurrent) if layer.cell == "LSTM"]


def _has_lstm(case: Case) -> bool:
    return case.dtype != "float64" and any(layer.bias for layer in _lstms(case))


def _has_lstm_for_onednn(case: Case) -> bool:
    return case.dtype in ("float32", "bfloat16") and bool(_lstms(case))


def _norms_groups_in_half(case: Case) -> bool:
    return case.dtype == "float16" and any(layers_of(case, GroupNorm))


def _smooth(case: Case) -> Case:
    return replace(case, recipe=Normal())


BOUNDARY_ISSUES: tuple[CaseIssue, ...] = (
    CaseIssue(
        id="torch-vmap-group-norm-float16",
        title="GroupNorm in float16 under vmap: NaN where the values of a group are nearly equal",
        severity=Severity.SILENT,
        package="torch",
        versions=">=2.13",
        methods=(*FUNC_JACREV, *VMAP_REVERSE, *FORWARD_MODE),
        inherited_by=("curvlinops_columns", "laplace_curvlinops"),
        condition="a GroupNorm in float16",
        meets=_norms_groups_in_half,
        outcomes=(WRONG,),
        value="not finite",
        instead="NaN, where plain autograd in float16 has a number",
        reason="infinitely_differentiable_native_group_norm_backward, as forward mode, cubes the reciprocal standard "
        "deviation in float16, and 316³ (eps is 1e-5) is more than 65504; autograd's own kernel computes in float32",
        reference="https://github.com/pytorch/pytorch/pull/190245",
        case=replace(
            small_case(
                (1,),
                Linear(out_features=4, bias=False),
                GroupNorm(num_groups=2),
                Linear(out_features=1, bias=False),
                dtype="float16",
            ),
            batch_size=1,
            recipe=Integers(magnitude=1, fan_in=1),
        ),
    ),
    CaseIssue(
        id="torch-vmap-prelu",
        title="vmap(jacrev): the derivative by a PReLU's weight mixes samples and outputs, or an error about sizes",
        severity=Severity.SILENT,
        package="torch",
        versions=">=2.0",
        methods=VMAP_REVERSE,
        condition="a PReLU, in reverse mode under vmap over samples and outputs",
        meets=lambda case: any(layers_of(case, PReLU)),
        outcomes=(WRONG, CRASH),
        error_text="must match the size|Sizes of tensors must match|split_with_sizes|PreluKernelBackward0",
        instead="where as many outputs as samples are mapped over, other numbers without a word; else RuntimeError",
        reason="the batching rule of _prelu_kernel_backward puts the axes of two levels of vmap in another order",
        reference=SEARCHED,
        case=_smooth(small_case((2,), Linear(out_features=2), PReLU(), Linear(out_features=2))),
    ),
    CaseIssue(
        id="torch-forward-mode-prelu-at-zero",
        title="jacfwd of PReLU: the slope at exactly 0 is one, where reverse mode takes the weight",
        severity=Severity.SILENT,
        package="torch",
        versions=">=2.0",
        methods=FORWARD_MODE,
        inherited_by=("curvlinops_columns",),
        condition="a PReLU among integers, where exactly 0 may go into it",
        meets=lambda case: isinstance(case.recipe, Integers) and any(layers_of(case, PReLU)),
        outcomes=(WRONG,),
        instead="jacfwd(PReLU)(0) is 1, jacrev(PReLU)(0) the weight, 0.25 as PReLU is made",
        reason="the jvp formula of _prelu_kernel asks for self >= 0, its backward kernel for self > 0",
        reference=SEARCHED,
        # With this seed the Linear gives 1 − 1.
        case=replace(small_case((1,), Linear(out_features=1), PReLU()), batch_size=1, seed=2),
    ),
    CaseIssue(
        id="torch-vmap-recurrent",
        title="vmap over samples of RNN, LSTM and GRU: an exception about a shape",
        severity=Severity.EXCEPTION,
        package="torch",
        versions=">=2.0",
        methods=(*VMAP_REVERSE, *VMAP_FORWARD_MODE, "expanded_parameters"),
        condition="a recurrent layer; an LSTM only where oneDNN does not compute it",
        meets=lambda case: any(layers_of(case, Recurrent)),
        outcomes=(CRASH,),
        error_text="doesn't match the broadcast shape|forward AD with mkldnn_rnn_layer|same dtype|"
        "Batching rule not implemented",
        instead="RuntimeError: output with shape [1, 2] doesn't match the broadcast shape [3, 1, 2]",
        reason="the composite functions of recurrent layers work in place on a state without the mapped axis",
        reference="https://github.com/pytorch/pytorch/issues/105982",
        case=_smooth(small_case((2, 2), Recurrent(hidden_size=2), *HEAD)),
    ),
    CaseIssue(
        id="torch-forward-mode-lstm",
        title="jacfwd of an LSTM that oneDNN computes: an exception that forward mode is not supported",
        severity=Severity.EXCEPTION,
        package="torch",
        versions=">=2.0",
        methods=("func_jacfwd", "func_linearize"),
        condition="an LSTM in float32 or bfloat16",
        meets=_has_lstm_for_onednn,
        outcomes=(CRASH,),
        error_text="forward AD with mkldnn_rnn_layer",
        instead="NotImplementedError: Trying to use forward AD with mkldnn_rnn_layer …",
        reason="mkldnn_rnn_layer has no formula for forward mode",
        reference="searched, none found (2026-11-30)",
        case=_smooth(small_case((2, 2), Recurrent(cell="LSTM", hidden_size=2), Flatten(), Linear(out_features=1))),
    ),
    CaseIssue(
        id="torch-lstm-one-bias",
        title="The two biases of an LSTM have one tensor for a gradient, where oneDNN computes it",
        severity=Severity.SIDE_EFFECT,
        package="torch",
        versions=">=2.0",
        methods=("func_jacrev", "func_jacrev_chunked", "vmap_jacrev", "vmap_vjp"),
        condition="an LSTM with biases in another dtype than float64, and rows that go through in one chunk",
        meets=_has_lstm,
        outcomes=(Outcome.SIDE_EFFECT,),
        law=NO_ALIASING.name,
        instead="right numbers in tensors that share memory: whoever changes one in place changes the other",
        reason="mkldnn_rnn_layer_backward returns one tensor as the gradient of both",
        reference=SEARCHED,
        case=_smooth(small_case((2, 2), Recurrent(cell="LSTM", hidden_size=2), Flatten(), Linear(out_features=1))),
    ),
    CaseIssue(
        id="torch-expanded-weights-lstm",
        title="ExpandedWeights: an LSTM that oneDNN computes raises RuntimeError",
        severity=Severity.EXCEPTION,
        package="torch",
        versions=">=2.0",
        methods=("expanded_weights",),
        inherited_by=("opacus_ew",),
        condition="an LSTM in float32 or bfloat16 whose input needs no gradient, as that of the first layer",
        meets=_has_lstm_for_onednn,
        outcomes=(CRASH,),
        error_text="mkldnn_rnn_layer|cannot handle function size",
        instead="RuntimeError: Expanded Weights encountered but cannot handle function mkldnn_rnn_layer.default",
        reason="the decomposition of lstm leaves such an input to oneDNN, for which there is no rule",
        reference=SEARCHED,
        case=_smooth(small_case((2, 2), Recurrent(cell="LSTM", hidden_size=2), Flatten(), Linear(out_features=1))),
    ),
    CaseIssue(
        id="torch-forward-mode-attention",
        title="jacfwd of MultiheadAttention: an exception that forward mode is not supported",
        severity=Severity.EXCEPTION,
        package="torch",
        versions=">=2.0",
        methods=FORWARD_MODE,
        inherited_by=("curvlinops_columns",),
        condition="a MultiheadAttention",
        meets=lambda case: any(layers_of(case, SelfAttention)),
        outcomes=(CRASH,),
        error_text="forward AD with",
        instead="NotImplementedError: Trying to use forward AD with aten::_native_multi_head_attention …",
        reason="neither its fast path nor scaled_dot_product_attention on the CPU has a formula for forward mode",
        reference="https://github.com/pytorch/pytorch/issues/128971",
        case=_smooth(small_case((2, 2), SelfAttention(), *HEAD)),
    ),
    CaseIssue(
        id="torch-vmap-attention-parameters",
        title="vmap over the parameters of MultiheadAttention in evaluation mode: an exception in the backward pass",
        severity=Severity.EXCEPTION,
        package="torch",
        versions=">=2.0",
        methods=("expanded_parameters",),
        condition="a MultiheadAttention with an even number of heads",
        meets=lambda case: any(layer.num_heads % 2 == 0 for layer in layers_of(case, SelfAttention)),
        outcomes=(CRASH,),
        error_text="derivative for aten::_native_multi_head_attention is not implemented",
        instead="RuntimeError: derivative for aten::_native_multi_head_attention is not implemented",
        reason="no parameter requires a gradient inside vmap, so the module takes its fast path, without a derivative",
        reference="https://github.com/pytorch/pytorch/issues/103484",
        case=_smooth(small_case((2, 2), SelfAttention(num_heads=2), *HEAD)),
    ),
)
