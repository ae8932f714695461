"""Issues of torch's own kernels, which any method that calls them can show, autograd as well."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from jaccheck.case import Case, Convolution, Flatten, Linear, Placed, TransposedConvolution, on_each_axis
from jaccheck.judging.known.case_issue import (
    CPU_WITH_AMX,
    CPU_WITHOUT_BFLOAT16,
    VMAP_FORWARD_MODE,
    WRONG,
    CaseIssue,
    small_case,
)
from jaccheck.judging.known.issue import SEARCHED, Severity
from jaccheck.judging.laws.finite import FINITE


def _convolutions(case: Case) -> list[Placed]:
    return [place for place in case.places() if isinstance(place.layer, Convolution | TransposedConvolution)]


def _may_stay_uninitialised(place: Placed) -> bool:
    """Whether a place of its kernel meets nothing but zeros around the input, or the kernel is deeper than that."""
    layer = place.layer
    assert isinstance(layer, Convolution | TransposedConvolution)
    kernel, stride, dilation = (on_each_axis(n, layer.axes) for n in (layer.kernel_size, layer.stride, layer.dilation))
    if isinstance(layer, Convolution):
        before = [margin for margin, _ in layer.margins()]
        lengths, places = place.in_shape[1:], place.out_shape[1:]
        if layer.padding_mode != "zeros":
            return False
    else:
        before = list(on_each_axis(layer.padding, layer.axes))
        lengths, places = place.out_shape[1:], place.in_shape[1:]
    if layer.axes == 3 and kernel[0] > lengths[0]:
        return True
    return max(stride) > 1 and any(
        any(all(not 0 <= o * s - p + t * d < n for o in range(count)) for t in range(k))
        for k, s, d, p, n, count in zip(kernel, stride, dilation, before, lengths, places, strict=True)
    )


def _uninitialised_weights(case: Case) -> frozenset[str]:
    return frozenset(f"{place.path}.weight" for place in _convolutions(case) if _may_stay_uninitialised(place))


def _is_pointwise_on_five(place: Placed) -> bool:
    """Whether it has a kernel of one pixel, and five pixels to go over or to make."""
    layer = place.layer
    assert isinstance(layer, Convolution | TransposedConvolution)
    is_pointwise = set(on_each_axis(layer.kernel_size, layer.axes)) == {1}
    return is_pointwise and 5 in (prod(place.in_shape[1:]), prod(place.out_shape[1:]))


KERNEL_ISSUES: tuple[CaseIssue, ...] = (
    CaseIssue(
        id="torch-bfloat16-amx-next-row",
        title="A matrix product in bfloat16 on AMX: NaN in one row becomes NaN in the row before it",
        severity=Severity.SILENT,
        package="torch",
        versions=">=2.13",
        processor=CPU_WITH_AMX,
        methods=("vmap_jacfwd",),
        shows_in_others=True,
        condition="bfloat16, a sample that is not finite, and a product of an odd number of terms that is large enough",
        meets=lambda case: case.dtype == "bfloat16",
        outcomes=(WRONG,),
        value="not finite",
        law=FINITE.name,
        instead="NaN in rows of other samples",
        reason="oneDNN's kernel reads past the end of a row, and multiplies what it reads by zero: torch.mm(a, b)[0] "
        "is NaN for a = torch.ones(297, 5), but a[1] NaN, and b = torch.ones(16, 5).t(), in bfloat16",
        reference="https://github.com/uxlfoundation/oneDNN/issues/5717",
        case=replace(
            small_case((3,), Linear(out_features=5), Linear(out_features=3), dtype="bfloat16"), batch_size=9, seed=1
        ),
    ),
    CaseIssue(
        id="torch-bfloat16-conv-unwritten",
        title="The gradient by the weight of a convolution in bfloat16 holds uninitialised memory",
        severity=Severity.SILENT,
        package="torch",
        versions=">=2.13",
        processor=CPU_WITHOUT_BFLOAT16,
        methods=("func_jacrev", "func_jacrev_chunked", "vmap_vjp", "vmap_vjp_chunked"),
        shows_in_others=True,
        condition="the weight of a convolution in bfloat16 with a stride, a place of whose kernel meets nothing but "
        "zeros around the input, or with three axes and a kernel deeper than the input; and 16 channels or more: vmap "
        "makes channels of samples and outputs, so that fewer are enough",
        meets=lambda case: case.dtype == "bfloat16" and bool(_uninitialised_weights(case)),
        parameters=_uninitialised_weights,
        outcomes=(WRONG,),
        instead="whatever was in memory, where the derivative is zero: NaN, 1e38, or by chance 0 "
        "(MALLOC_PERTURB_=1 python script.py shows it each time)",
        reason="oneDNN's gradient by the weight (avx512_core) leaves out places of the kernel without products",
        reference=SEARCHED,
        case=small_case(
            (2, 2),
            TransposedConvolution(axes=1, out_channels=8, kernel_size=3, stride=2, padding=2),
            Flatten(),
            Linear(out_features=4),
            dtype="bfloat16",
        ),
    ),
    CaseIssue(
        id="torch-bfloat16-pointwise-conv",
        title="A convolution in bfloat16 with a kernel of one pixel is wrong on five pixels",
        severity=Severity.SILENT,
        package="torch",
        versions=">=2.13",
        processor=CPU_WITHOUT_BFLOAT16,
        methods=VMAP_FORWARD_MODE,
        shows_in_others=True,
        condition="a convolution in bfloat16 with a kernel of one pixel, on five pixels, and more than 64 channels; "
        "vmap makes channels of samples, outputs and tangents, so that fewer are enough",
        meets=lambda case: case.dtype == "bfloat16" and any(map(_is_pointwise_on_five, _convolutions(case))),
        outcomes=(WRONG,),
        instead="zeros or other sums in some channels of the output",
        reason="oneDNN's convolution with a kernel of one (avx512_core): on one thread, in bfloat16, "
        "torch.conv1d(torch.ones(1, 2, 5), torch.ones(66, 2, 1)) is not 2 everywhere",
        reference=SEARCHED,
        case=small_case(
            (2, 5),
            Convolution(axes=1, out_channels=8, kernel_size=1),
            Convolution(axes=1, out_channels=8, kernel_size=1),
            Flatten(),
            Linear(out_features=4),
            dtype="bfloat16",
        ),
    ),
)
