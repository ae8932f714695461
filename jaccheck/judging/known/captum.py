"""Issues of Captum's sample-wise gradients."""

from __future__ import annotations

from jaccheck.case import Convolution
from jaccheck.judging.known.case_issue import CRASH, WRONG, CaseIssue, small_case
from jaccheck.judging.known.graphs import ties
from jaccheck.judging.known.issue import Severity
from jaccheck.judging.known.layers import HEAD, pads_otherwise
from jaccheck.judging.known.others import TIED, has_groups

CAPTUM = "captum"

CAPTUM_ISSUES: tuple[CaseIssue, ...] = (
    CaseIssue(
        id="captum-conv-padding-mode",
        title="A Conv2d with padding_mode other than zeros has the sample-wise gradients of zero padding",
        severity=Severity.SILENT,
        package=CAPTUM,
        versions=">=0.6",
        methods=("captum_hooks",),
        condition="a Conv2d with padding_mode reflect, replicate or circular, and a margin",
        meets=pads_otherwise,
        outcomes=(WRONG,),
        instead="the gradients of the same convolution with zeros for padding, without a word",
        reason="conv2d_param_grads unfolds the input with zeros and never reads padding_mode",
        reference="searched, none found (2026-11-30)",
        case=small_case(
            (1, 2, 3), Convolution(out_channels=2, kernel_size=2, padding=1, padding_mode="circular"), *HEAD
        ),
    ),
    CaseIssue(
        id="captum-conv-groups",
        title="Conv2d with groups: an exception about a shape",
        severity=Severity.EXCEPTION,
        package=CAPTUM,
        versions=">=0.6",
        methods=("captum_hooks",),
        condition="a Conv2d with groups",
        meets=has_groups,
        outcomes=(CRASH,),
        error_text="is invalid for input of size",
        instead="RuntimeError: shape … is invalid for input of size …",
        reason="conv2d_param_grads multiplies all outputs by all inputs, then views them as the weight's shape",
        reference="searched, none found (2026-11-30)",
        case=small_case((2, 2, 2), Convolution(out_channels=2, kernel_size=2, groups=2, bias=False), *HEAD),
    ),
    CaseIssue(
        id="captum-parameter-of-two-modules",
        title="A parameter that two modules hold has the sample-wise gradient of one of its two uses, without a word",
        severity=Severity.SILENT,
        package=CAPTUM,
        versions=">=0.6",
        methods=("captum_hooks",),
        condition="modules that hold the same parameters (tied weights)",
        meets=ties,
        outcomes=(WRONG,),
        instead="the term of one module, the others left out; autograd adds them up",
        reason="sample_grad of the parameter is set to zero once for each module that holds it",
        reference="searched, none found (2026-11-30)",
        case=TIED,
    ),
)
