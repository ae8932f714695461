"""Issues of optional packages' own making; what they take over from torch or BackPACK is listed there."""

from __future__ import annotations

from dataclasses import replace

from jaccheck.case import (
    BatchNorm,
    Case,
    Convolution,
    Embedding,
    Flatten,
    GroupNorm,
    LayerNorm,
    Linear,
    Normal,
    Recurrent,
    Repeat,
    Tied,
    TransposedConvolution,
)
from jaccheck.judging.known.case_issue import CRASH, WRONG, CaseIssue, layers_of, small_case
from jaccheck.judging.known.graphs import repeats, ties
from jaccheck.judging.known.issue import SEARCHED, Severity
from jaccheck.judging.known.layers import HEAD, has_padding_row, pads_otherwise
from jaccheck.judging.laws.freed_memory import FREED_MEMORY
from jaccheck.reports import Outcome

ASDL = "asdfghjkl"
"""The distribution in which laplace-torch gets its `asdl`."""
CURVLINOPS = "curvlinops-for-pytorch"
LAPLACE = "laplace-torch"
NNGEOMETRY = "nngeometry"
OPACUS = "opacus"


def _has_inner_axes(case: Case, kind: type, axes: int = 1) -> bool:
    """Whether a layer of a kind gets samples of more axes than so many."""
    return any(isinstance(place.layer, kind) and len(place.in_shape) > axes for place in case.places())


def _has_other_eps(case: Case) -> bool:
    norms = layers_of(case, BatchNorm)
    return any(layer.affine and layer.eps != 1e-5 for layer in norms)


def _has_unexpected_axes(case: Case) -> bool:
    """Whether NNGeometry's rule of a norm sums over other axes than there are."""
    for place in case.places():
        match place.layer:
            case BatchNorm(axes=1) if len(place.in_shape) > 1:
                return True
            case GroupNorm() if len(place.in_shape) != 3:
                return True
            case LayerNorm() if len(place.in_shape) > 1:
                return True
    return False


def has_groups(case: Case) -> bool:
    """Whether a convolution has groups."""
    return any(layer.groups > 1 for layer in layers_of(case, Convolution))


def _has_leading_axes(case: Case) -> bool:
    """Whether ASDL takes more than the first axis for the samples'."""
    if any(isinstance(p.layer, Embedding) and p.in_shape != (1,) for p in case.places()):
        return True
    return _has_inner_axes(case, Linear) or _has_inner_axes(case, LayerNorm) or _batch_norm_of_sequences(case)


def _batch_norm_of_sequences(case: Case) -> bool:
    return any(isinstance(p.layer, BatchNorm) and p.layer.axes == 1 and len(p.in_shape) > 1 for p in case.places())


CIRCULAR = Convolution(axes=1, out_channels=2, kernel_size=2, padding=1, padding_mode="circular")
TWICE = small_case((2,), Repeat(layers=(Linear(out_features=2),)), Linear(out_features=3))
TIED = small_case((2,), Tied(layers=(Linear(out_features=2),)), Linear(out_features=3))

OTHERS_ISSUES: tuple[CaseIssue, ...] = (
    CaseIssue(
        id="opacus-conv-padding-mode",
        title="A convolution with padding_mode other than zeros has the per-sample gradients of zero padding",
        severity=Severity.SILENT,
        package=OPACUS,
        versions=">=1.5",
        methods=("opacus_hooks",),
        condition="a convolution with padding_mode reflect, replicate or circular, and a margin",
        meets=pads_otherwise,
        outcomes=(WRONG, CRASH),
        instead="the Jacobian of the same convolution with zeros for padding, without a word",
        reason="the sampler unfolds the input with zeros and never reads padding_mode",
        reference=SEARCHED,
        case=small_case((1, 3), CIRCULAR, *HEAD),
    ),
    CaseIssue(
        id="opacus-conv-channels-last",
        title="Conv2d on a batch in channels_last, or of another order in memory, has other per-sample gradients",
        severity=Severity.SILENT,
        package=OPACUS,
        versions=">=1.5",
        methods=("opacus_hooks",),
        condition="a Conv2d whose input has no gaps in memory, and its axes in another order than [N, C, H, W]",
        meets=lambda case: (
            case.input_form == "transposed" and any(layer.axes == 2 for layer in layers_of(case, Convolution))
        ),
        outcomes=(WRONG, CRASH),
        error_text="out of bounds for storage",
        instead="sums of other pixels, without a word",
        reason="unfold2d takes windows by as_strided with the strides that a contiguous input would have",
        reference="searched, none found (2026-11-30)",
        case=replace(
            small_case((1, 2, 2), Convolution(out_channels=2, kernel_size=2, bias=False), *HEAD),
            input_form="transposed",
        ),
    ),
    CaseIssue(
        id="opacus-embedding-padding",
        title="The per-sample gradient of an Embedding's padding row is not zero",
        severity=Severity.SILENT,
        package=OPACUS,
        versions=">=1.5",
        methods=("opacus_hooks",),
        condition="an Embedding with padding_idx",
        meets=has_padding_row,
        outcomes=(WRONG,),
        instead="the gradient of the looked-up row, where autograd says zero",
        reason="the sampler adds every index, padding_idx is not read",
        reference=SEARCHED,
        case=small_case((1,), Embedding(num_embeddings=2, embedding_dim=2, padding_idx=0), *HEAD),
    ),
    CaseIssue(
        id="curvlinops-lstm",
        title="The Jacobian of an LSTM that oneDNN computes raises an exception, from either side",
        severity=Severity.EXCEPTION,
        package=CURVLINOPS,
        versions=">=3",
        methods=("curvlinops_rows", "curvlinops_columns"),
        condition="an LSTM in another dtype than float64",
        meets=lambda case: (
            case.dtype != "float64" and any(layer.cell == "LSTM" for layer in layers_of(case, Recurrent))
        ),
        outcomes=(CRASH,),
        error_text="argument #22 'workspace'|forward AD with mkldnn_rnn_layer",
        instead="RuntimeError: Expected a proper Tensor but got None … for argument #22 'workspace'",
        reason="vjp is called under torch.no_grad, where oneDNN's LSTM keeps nothing for backward; no formula for jvp",
        reference=SEARCHED,
        case=replace(
            small_case((2, 2), Recurrent(cell="LSTM", hidden_size=2), Flatten(), Linear(out_features=1)),
            recipe=Normal(),
        ),
    ),
    CaseIssue(
        id="nngeometry-conv-padding-mode",
        title="A convolution with padding_mode other than zeros has the Jacobian of zero padding",
        severity=Severity.SILENT,
        package=NNGEOMETRY,
        versions=">=0.4",
        methods=("nngeometry_hooks",),
        condition="a Conv1d or Conv2d with padding_mode reflect, replicate or circular, and a margin",
        meets=pads_otherwise,
        outcomes=(WRONG,),
        instead="the Jacobian of the same convolution with zeros for padding, without a word",
        reason="conv2d_backward_using_unfold unfolds the input with zeros and never reads padding_mode",
        reference=SEARCHED,
        case=small_case((1, 3), CIRCULAR, *HEAD),
    ),
    CaseIssue(
        id="nngeometry-batch-norm-eps",
        title="The Jacobian by a BatchNorm's weight is that of eps=1e-5, whatever its eps",
        severity=Severity.SILENT,
        package=NNGEOMETRY,
        versions=">=0.4",
        methods=("nngeometry_hooks",),
        condition="a BatchNorm1d or BatchNorm2d with another eps than the default",
        meets=_has_other_eps,
        outcomes=(WRONG,),
        instead="the input normalised with eps=1e-5, without a word",
        reason="BatchNorm{1,2}dJacobianFactory.flat_grad calls F.batch_norm without eps; that of LayerNorm passes it",
        reference=SEARCHED,
        case=small_case((2,), BatchNorm(axes=1, eps=0.25), Linear(out_features=2)),
    ),
    CaseIssue(
        id="nngeometry-module-used-twice",
        title="The Jacobian by a module that is called twice takes its last input for both calls",
        severity=Severity.SILENT,
        package=NNGEOMETRY,
        versions=">=0.4",
        methods=("nngeometry_hooks",),
        condition="the same module with parameters twice in a row",
        meets=repeats,
        outcomes=(WRONG,),
        instead="Σ δ ⊗ a with the a of the last call in each term, without a word",
        reason="self.xs keeps one input for each module",
        reference="https://github.com/tfjgeorge/nngeometry/issues/94",
        case=TWICE,
    ),
    CaseIssue(
        id="nngeometry-parameter-of-two-modules",
        title="A parameter that two modules hold has columns of its own for each",
        severity=Severity.SILENT,
        package=NNGEOMETRY,
        versions=">=0.4",
        methods=("nngeometry_hooks",),
        condition="modules that hold the same parameters (tied weights)",
        meets=ties,
        outcomes=(CRASH,),
        error_text="split_with_sizes",
        instead="a Jacobian with columns for each module, more than the model has parameters; no sum over them",
        reason="parameters are counted module by module",
        reference="https://github.com/tfjgeorge/nngeometry/issues/94",
        case=TIED,
    ),
    CaseIssue(
        id="nngeometry-linear-axes",
        title="Linear on more than one axis raises RuntimeError",
        severity=Severity.EXCEPTION,
        package=NNGEOMETRY,
        versions=">=0.4",
        methods=("nngeometry_hooks",),
        condition="a Linear on samples of more than one axis",
        meets=lambda case: _has_inner_axes(case, Linear),
        outcomes=(CRASH,),
        error_text="batch1 must be a 3D tensor",
        instead="RuntimeError: batch1 must be a 3D tensor",
        reason="LinearJacobianFactory.flat_grad multiplies [N, outputs, 1] by [N, 1, inputs]",
        reference="https://github.com/tfjgeorge/nngeometry/pull/123",
        case=small_case((2, 3), Linear(out_features=2), Flatten()),
    ),
    CaseIssue(
        id="nngeometry-norm-axes",
        title="Norms of samples with other axes than it expects raise an exception",
        severity=Severity.EXCEPTION,
        package=NNGEOMETRY,
        versions=">=0.4",
        methods=("nngeometry_hooks",),
        condition="a BatchNorm1d of [N, C, L], a GroupNorm of other than [N, C, H, W], a LayerNorm of more than [N, C]",
        meets=_has_unexpected_axes,
        outcomes=(CRASH,),
        error_text="doesn't match the broadcast shape|must match the size|Dimension out of range",
        instead="RuntimeError: output with shape … doesn't match the broadcast shape …",
        reason="flat_grad sums over no axes, or over axes 2 and 3, whatever there are",
        reference=SEARCHED,
        case=small_case((2, 3), BatchNorm(axes=1), *HEAD),
    ),
    CaseIssue(
        id="nngeometry-transposed-convolution-held",
        title="Every ConvTranspose2d it has seen stays in memory for good",
        severity=Severity.SIDE_EFFECT,
        package=NNGEOMETRY,
        versions=">=0.4",
        methods=("nngeometry_hooks",),
        condition="a ConvTranspose2d",
        meets=lambda case: any(layers_of(case, TransposedConvolution)),
        outcomes=(Outcome.SIDE_EFFECT,),
        law=FREED_MEMORY.name,
        instead="the module, and with it its weight, in the global grads_conv._filter_bank",
        reason="TransposeConv_Unfold_Filter_Bank.filters is a dict with the module itself as a key",
        reference=SEARCHED,
        case=small_case((1, 1, 2), TransposedConvolution(out_channels=2, kernel_size=1), *HEAD),
    ),
    CaseIssue(
        id="laplace-asdl-conv-padding-mode",
        title="Conv2d with padding_mode other than zeros has the Jacobian of zero padding",
        severity=Severity.SILENT,
        package=ASDL,
        versions=">=0.1a4",
        methods=("laplace_asdl",),
        condition="a Conv2d with padding_mode reflect, replicate or circular, and a margin",
        meets=pads_otherwise,
        outcomes=(WRONG,),
        instead="the Jacobian of the same convolution with zeros for padding, without a word",
        reason="im2col_2d pads with zeros and never reads padding_mode",
        reference=SEARCHED,
        case=small_case(
            (1, 2, 3), Convolution(out_channels=2, kernel_size=2, padding=1, padding_mode="circular"), *HEAD
        ),
    ),
    CaseIssue(
        id="laplace-asdl-conv-groups",
        title="Conv2d with groups has another Jacobian, or raises RuntimeError",
        severity=Severity.SILENT,
        package=ASDL,
        versions=">=0.1a4",
        methods=("laplace_asdl",),
        condition="a Conv2d with groups",
        meets=has_groups,
        outcomes=(WRONG, CRASH),
        error_text="Sizes of tensors must match|is invalid for input of size",
        instead="as many rows as samples times groups; joined with those of other layers a RuntimeError about sizes",
        reason="batch_grads_weight is [N, c_out, c_in · kernel] of all groups, then viewed as the weight's shape",
        reference=SEARCHED,
        case=small_case((2, 2, 2), Convolution(out_channels=2, kernel_size=2, groups=2, bias=False), *HEAD),
    ),
    CaseIssue(
        id="laplace-asdl-leading-axes",
        title="Every axis before a layer's features counts as samples",
        severity=Severity.SILENT,
        package=LAPLACE,
        versions=">=0.3",
        methods=("laplace_asdl",),
        condition="Linear, LayerNorm or BatchNorm1d on samples of more than one axis, Embedding of several indices",
        meets=_has_leading_axes,
        outcomes=(WRONG, CRASH),
        error_text="Sizes of tensors must match|is invalid for input of size|match the size of tensor|split_sizes",
        instead="as many rows as there are positions in all samples; with other layers a RuntimeError about sizes",
        reason="AsdlInterface passes batch_size=None for tensors, «use ASDL default behavior», which is that",
        reference=SEARCHED,
        case=small_case((2, 3), Linear(out_features=2), Flatten()),
    ),
    CaseIssue(
        id="laplace-asdl-norm-divides",
        title="The Jacobian by a norm's weight is NaN where that weight is zero, else imprecise",
        severity=Severity.SILENT,
        package=ASDL,
        versions=">=0.1a4",
        methods=("laplace_asdl",),
        condition="a BatchNorm1d, BatchNorm2d or LayerNorm whose weight is trained",
        meets=lambda case: any(isinstance(place.layer, BatchNorm | LayerNorm) for place in case.places()),
        outcomes=(WRONG,),
        instead="(output - bias) / weight for the normalised input, without a word",
        reason="preprocess_in_data restores it from the output",
        reference=SEARCHED,
        case=Case(
            layers=(BatchNorm(axes=1), Linear(out_features=2)),
            in_shape=(3,),
            batch_size=2,
            dtype="float32",
            seed=46,
            recipe=Normal(),
            family="known",
        ),
    ),
    CaseIssue(
        id="laplace-asdl-module-used-twice",
        title="The Jacobian by a module that is called twice takes one input for both calls",
        severity=Severity.SILENT,
        package=ASDL,
        versions=">=0.1a4",
        methods=("laplace_asdl",),
        condition="the same module with parameters twice in a row",
        meets=repeats,
        outcomes=(WRONG,),
        instead="Σ δ ⊗ a with the a of one call in each term, without a word",
        reason="an operation keeps one input for each module",
        reference=SEARCHED,
        case=TWICE,
    ),
    CaseIssue(
        id="laplace-asdl-parameter-of-two-modules",
        title="A parameter that two modules hold has columns of its own for each",
        severity=Severity.SILENT,
        package=ASDL,
        versions=">=0.1a4",
        methods=("laplace_asdl",),
        condition="modules that hold the same parameters (tied weights)",
        meets=ties,
        outcomes=(CRASH,),
        error_text="split_with_sizes",
        instead="a Jacobian with columns for each module, more than the model has parameters; no sum over them",
        reason="parameters are counted module by module",
        reference=SEARCHED,
        case=TIED,
    ),
)
"""All of optional packages; none counts where its package is not installed."""
