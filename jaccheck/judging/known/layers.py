"""Issues of BackPACK and torch in the layers that BackPACK knows: which options, which methods, what comes instead."""

from __future__ import annotations

from jaccheck.case import (
    AddEmbedding,
    AvgPool,
    Case,
    Convolution,
    Embedding,
    Flatten,
    Linear,
    Parallel,
    TransposedConvolution,
    ZeroPad2d,
    on_each_axis,
)
from jaccheck.judging.known.case_issue import (
    BACKPACK,
    BATCH_GRAD,
    CRASH,
    FORWARD_MODE,
    SQRT_GGN,
    WRONG,
    CaseIssue,
    layers_of,
    small_case,
)
from jaccheck.judging.known.issue import SEARCHED, Severity
from jaccheck.judging.laws.purity import PURITY
from jaccheck.reports import Outcome


def pads_otherwise(case: Case) -> bool:
    """Whether a convolution pads with something else than zeros."""
    return any(
        layer.padding_mode != "zeros" and any(map(any, layer.margins())) for layer in layers_of(case, Convolution)
    )


def _has_string_padding(case: Case) -> bool:
    return any(isinstance(layer.padding, str) for layer in layers_of(case, Convolution))


def _pads_output(case: Case) -> bool:
    return any(any(on_each_axis(layer.output_padding, layer.axes)) for layer in layers_of(case, TransposedConvolution))


def _averages(case: Case) -> bool:
    return any(layers_of(case, AvgPool))


def _overrides_divisor(case: Case) -> bool:
    return any(layer.divisor_override is not None for layer in layers_of(case, AvgPool))


def _looks_up(case: Case) -> bool:
    return case.has_indices


def has_padding_row(case: Case) -> bool:
    """Whether an Embedding has a row whose derivative is zero by convention."""
    return any(layer.padding_idx is not None for layer in layers_of(case, Embedding))


HEAD = (Flatten(), Linear(out_features=2))

RULED_ISSUES: tuple[CaseIssue, ...] = (
    CaseIssue(
        id="conv-padding-mode",
        title="Conv{1,2,3}d with padding_mode other than zeros: derivatives by the weight are those of zero padding",
        severity=Severity.SILENT,
        package=BACKPACK,
        versions=">=1.5",
        methods=(*BATCH_GRAD, *SQRT_GGN),
        inherited_by=("laplace_backpack",),
        condition="a convolution with padding_mode reflect, replicate or circular, and a margin",
        meets=pads_otherwise,
        outcomes=(WRONG, CRASH),
        instead="the Jacobian of the same convolution with zeros for padding, without a word",
        reason="the unfolded input is padded with zeros; module.padding_mode is never read",
        reference=SEARCHED,
        case=small_case(
            (1, 3), Convolution(axes=1, out_channels=2, kernel_size=2, padding=1, padding_mode="circular"), *HEAD
        ),
    ),
    CaseIssue(
        id="conv-string-padding",
        title="Conv{1,2,3}d with padding='same' or 'valid': wrong derivatives, or an error about something else",
        severity=Severity.SILENT,
        package=BACKPACK,
        versions=">=1.5",
        methods=(*BATCH_GRAD, *SQRT_GGN),
        inherited_by=("laplace_backpack",),
        condition="a convolution whose padding is a string",
        meets=_has_string_padding,
        outcomes=(WRONG, CRASH),
        instead="with an even kernel of one dimension another Jacobian, else an exception",
        reason="module.padding goes unread to functions that take numbers, or that pad 'same' in another place",
        reference=SEARCHED,
        case=small_case((1, 5), Convolution(axes=1, out_channels=2, kernel_size=2, padding="same"), *HEAD),
    ),
    CaseIssue(
        id="conv-transpose-output-padding",
        title="ConvTranspose{1,2,3}d with output_padding: an exception about a shape",
        severity=Severity.EXCEPTION,
        package=BACKPACK,
        versions=">=1.5",
        methods=(*BATCH_GRAD, *SQRT_GGN),
        inherited_by=("laplace_backpack",),
        condition="a transposed convolution with output_padding > 0",
        meets=_pads_output,
        outcomes=(CRASH, WRONG),
        error_text="shape|size",
        instead="RuntimeError: shape … is invalid for input of size …",
        reason="unfold_by_conv_transpose unfolds without it, and gets an output of another size",
        reference=SEARCHED,
        case=small_case(
            (1, 3), TransposedConvolution(axes=1, out_channels=2, kernel_size=2, stride=2, output_padding=1), *HEAD
        ),
    ),
    CaseIssue(
        id="avg-pool-random-state",
        title="AvgPool{1,2,3}d in a second-order backward pass draws from torch's global random generator",
        severity=Severity.SIDE_EFFECT,
        package=BACKPACK,
        versions=">=1.5",
        methods=SQRT_GGN,
        condition="an average pooling above a layer with parameters",
        meets=_averages,
        outcomes=(Outcome.SIDE_EFFECT,),
        law=PURITY.name,
        aspect="random generator",
        instead="a right result, but the next random number is another one: a training run is no longer reproduced",
        reason="a convolution is constructed for its forward function, whose initialisation is thrown away",
        reference=SEARCHED,
        case=small_case(
            (1, 4), Convolution(axes=1, out_channels=2, kernel_size=1), AvgPool(axes=1, kernel_size=2), *HEAD
        ),
    ),
    CaseIssue(
        id="avg-pool-dtype",
        title="AvgPool{1,2,3}d in a second-order backward pass fails in any dtype but torch's default",
        severity=Severity.EXCEPTION,
        package=BACKPACK,
        versions=">=1.5",
        methods=SQRT_GGN,
        condition="an average pooling above a layer with parameters, in another dtype than float32",
        meets=lambda case: _averages(case) and case.dtype != "float32",
        outcomes=(CRASH,),
        error_text="expected scalar type|should be the same",
        instead="RuntimeError: expected scalar type Double but found Float",
        reason="the kernel of ones is made in the default dtype and moved to the device only",
        reference=SEARCHED,
        case=small_case(
            (1, 4),
            Convolution(axes=1, out_channels=2, kernel_size=1),
            AvgPool(axes=1, kernel_size=2),
            *HEAD,
            dtype="float64",
        ),
    ),
    CaseIssue(
        id="avg-pool-ceil-mode",
        title="AvgPool{1,2,3}d with ceil_mode: an exception about an output size",
        severity=Severity.EXCEPTION,
        package=BACKPACK,
        versions=">=1.5",
        methods=SQRT_GGN,
        condition="an average pooling with ceil_mode above a layer with parameters",
        meets=lambda case: any(layer.ceil_mode for layer in layers_of(case, AvgPool)),
        outcomes=(CRASH, WRONG),
        error_text="requested an output size",
        instead="ValueError: requested an output size of …, but valid sizes range from …",
        reason="the transposed convolution that stands for the pooling has no ceil_mode",
        reference=SEARCHED,
        case=small_case(
            (1, 5),
            Convolution(axes=1, out_channels=2, kernel_size=1),
            AvgPool(axes=1, kernel_size=2, ceil_mode=True),
            *HEAD,
        ),
    ),
    CaseIssue(
        id="zero-pad-negative",
        title="ZeroPad2d that cuts off: an exception about shapes",
        severity=Severity.EXCEPTION,
        package=BACKPACK,
        versions=">=1.5",
        methods=SQRT_GGN,
        condition="a ZeroPad2d with a negative number above a layer with parameters",
        meets=lambda case: any(min(layer.padding) < 0 for layer in layers_of(case, ZeroPad2d)),
        outcomes=(CRASH, WRONG),
        error_text="shapes? .* do not match|must match",
        instead="RuntimeError: Compared shapes … do not match",
        reason="the padding is cut out of the backpropagated matrix with a negative start",
        reference=SEARCHED,
        case=small_case(
            (1, 3, 3),
            Convolution(axes=2, out_channels=2, kernel_size=1),
            ZeroPad2d(padding=(0, 0, -1, 0)),
            *HEAD,
        ),
    ),
    CaseIssue(
        id="avg-pool-divisor",
        title="AvgPool{2,3}d with divisor_override: second-order quantities take the window's size",
        severity=Severity.SILENT,
        package=BACKPACK,
        versions=">=1.5",
        methods=SQRT_GGN,
        condition="an average pooling with divisor_override above a layer with parameters",
        meets=_overrides_divisor,
        outcomes=(WRONG,),
        instead="the Jacobian of pooling without divisor_override, without a word",
        reason="check_parameters asks for count_include_pad only",
        reference=SEARCHED,
        case=small_case(
            (1, 2, 2),
            Convolution(axes=2, out_channels=2, kernel_size=1),
            AvgPool(axes=2, kernel_size=2, divisor_override=2),
            *HEAD,
        ),
    ),
    CaseIssue(
        id="embedding-dtype",
        title="Embedding: results of the default dtype whatever the weight's, or an exception",
        severity=Severity.EXCEPTION,
        package=BACKPACK,
        versions=">=1.5",
        methods=(*BATCH_GRAD, *SQRT_GGN),
        inherited_by=("laplace_backpack",),
        condition="an Embedding in another dtype than float32",
        meets=lambda case: (_looks_up(case) or any(layers_of(case, AddEmbedding))) and case.dtype != "float32",
        outcomes=(CRASH, WRONG),
        error_text="scalar type|same dtype",
        instead="a float32 tensor for a weight of another dtype, or RuntimeError: expected scalar type …",
        reason="the mask of indices is made by torch.zeros without a dtype",
        reference=SEARCHED,
        case=small_case((2,), Embedding(num_embeddings=4, embedding_dim=2), *HEAD, dtype="float64"),
    ),
    CaseIssue(
        id="torch-embedding-padding-forward-mode",
        title="Embedding with padding_idx: forward-mode derivatives by the padding row are not zero",
        severity=Severity.SILENT,
        package="torch",
        versions=">=2.0",
        methods=FORWARD_MODE,
        inherited_by=("curvlinops_columns",),
        condition="an Embedding with padding_idx",
        meets=has_padding_row,
        outcomes=(WRONG,),
        instead="the derivative of the looked-up row, where reverse mode says zero",
        reason="the jvp formula of embedding looks the tangent up without its padding_idx",
        reference="https://github.com/pytorch/pytorch/issues/93950",
        case=small_case((1,), Embedding(num_embeddings=2, embedding_dim=2, padding_idx=0), *HEAD),
    ),
    CaseIssue(
        id="torch-vmap-embedding-padding",
        title="vmap over an Embedding's weights: the gradient of the padding row is not zero",
        severity=Severity.SILENT,
        package="torch",
        versions=">=2.0",
        methods=("expanded_parameters",),
        condition="an Embedding with padding_idx, under vmap over its weight",
        meets=has_padding_row,
        outcomes=(WRONG,),
        instead="the gradient of the looked-up row, where autograd says zero",
        reason="the batching rule looks up in all weights as one, where padding_idx is a row of the first one alone",
        reference="searched, none found (2026-11-30)",
        case=small_case((1,), Embedding(num_embeddings=2, embedding_dim=2, padding_idx=0), *HEAD),
    ),
    CaseIssue(
        id="torch-expanded-weights-embedding-padding",
        title="ExpandedWeights: the per-sample gradient of an Embedding's padding row is not zero",
        severity=Severity.SILENT,
        package="torch",
        versions=">=2.0",
        methods=("expanded_weights",),
        inherited_by=("opacus_ew",),
        condition="an Embedding with padding_idx",
        meets=has_padding_row,
        outcomes=(WRONG,),
        instead="the gradient of the looked-up row, where autograd says zero",
        reason="weight_per_sample_grad adds every index, padding_idx is not read",
        reference=SEARCHED,
        case=small_case((1,), Embedding(num_embeddings=2, embedding_dim=2, padding_idx=0), *HEAD),
    ),
    CaseIssue(
        id="torch-expanded-weights-conv3d-dilation",
        title="ExpandedWeights: Conv3d with dilation raises NotImplementedError",
        severity=Severity.EXCEPTION,
        package="torch",
        versions=">=2.0",
        methods=("expanded_weights",),
        inherited_by=("opacus_ew",),
        condition="a Conv3d with dilation, on one of the two ways that depend on sizes",
        meets=lambda case: any(
            layer.axes == 3 and any(d > 1 for d in on_each_axis(layer.dilation, 3))
            for layer in layers_of(case, Convolution)
        ),
        outcomes=(CRASH,),
        error_text=r"dilation=.* not supported",
        instead="NotImplementedError: dilation=(1, 2, 1) not supported.",
        reason="its own unfold3d knows no dilation",
        reference="https://github.com/meta-pytorch/opacus/pull/527",
        case=small_case(
            (2, 2, 3, 2),
            Convolution(axes=3, out_channels=2, kernel_size=(1, 2, 1), dilation=(1, 2, 1), groups=2),
            *HEAD,
        ),
    ),
    CaseIssue(
        id="torch-expanded-weights-conv-view",
        title="ExpandedWeights: a convolution whose output's gradient is not contiguous raises RuntimeError",
        severity=Severity.EXCEPTION,
        package="torch",
        versions=">=2.0",
        methods=("expanded_weights",),
        inherited_by=("opacus_ew",),
        condition="a convolution in a branch that is joined with others",
        meets=lambda case: any(layers_of(case, Convolution)) and any(layers_of(case, Parallel)),
        outcomes=(CRASH,),
        error_text="view size is not compatible",
        instead="RuntimeError: view size is not compatible with input tensor's size and stride",
        reason="grad_output.view in conv_group_weight_grad_sample",
        reference=SEARCHED,
        case=small_case(
            (2, 3), Parallel(branches=((Convolution(axes=1, out_channels=2, kernel_size=1),), ()), merge="cat"), *HEAD
        ),
    ),
    CaseIssue(
        id="torch-linearize-circular-padding",
        title="linearize: circular padding of what does not depend on the tangents is uninitialised memory",
        severity=Severity.SILENT,
        package="torch",
        versions=">=2.13",
        methods=("func_linearize",),
        condition="a convolution with padding_mode circular, and a margin",
        meets=lambda case: any(
            layer.padding_mode == "circular" and any(map(any, layer.margins()))
            for layer in layers_of(case, Convolution)
        ),
        outcomes=(WRONG,),
        instead="whatever was in memory, in the padded input and all that is computed with it",
        reason="pad makes its result by new_empty and writes into views of it; const_fold splits these from each other",
        reference="searched, none found (2026-11-30)",
        case=small_case(
            (1, 3), Convolution(axes=1, out_channels=2, kernel_size=2, padding=1, padding_mode="circular"), *HEAD
        ),
    ),
)
