"""Known issues that need a use of BackPACK beyond a plain pass: odd losses, views, weights elsewhere, writes."""

from __future__ import annotations

from functools import partial

from jaccheck.judging.known.case_issue import BACKPACK
from jaccheck.judging.known.issue import SEARCHED, KnownIssue, Severity

EVERY, SECOND = ("every extension",), ("second-order extensions",)

_issue = partial(KnownIssue, package=BACKPACK, versions=">=1.7", severity=Severity.SILENT, reference=SEARCHED)

OF_LOSSES = (
    _issue(
        id="second-order-loss-factor",
        title="A loss that is multiplied by a number: curvature is that of the loss without it",
        severity=Severity.WARNED,
        methods=SECOND,
        condition="`(3 * mse(model(X), y)).backward()`, `loss.backward(gradient)`, a GradScaler, or a function of the "
        "loss as `loss.log()`",
        instead="curvature without the factor, where gradients and first-order extensions have it; BackPACK warns that "
        "the loss seems to have been modified",
        reason="the Hessian's root begins in the loss module, which does not look at the gradient that comes to it",
    ),
    _issue(
        id="loss-of-two-outputs",
        title="A loss whose target depends on parameters, too: curvature as if the two were added",
        methods=SECOND,
        condition="targets that require a gradient: two heads that are compared, or probabilities of another network",
        instead="one root for the input and for the target, of which MSELoss's should have another sign, and "
        "CrossEntropyLoss's should not be there",
        reason="what the loss gives back is saved for each of its inputs that requires a gradient",
    ),
    _issue(
        id="broadcast-output",
        title="MSELoss(reduction='sum') whose output is broadcast to the targets: curvature of one target alone",
        severity=Severity.WARNED,
        methods=SECOND,
        condition="targets with more entries than the output, to which torch broadcasts it, with a warning",
        instead="2 for each output, whatever the number of targets it is compared with",
        reason="the root is made of the shape of input0, and no shape of targets is compared with it",
    ),
    _issue(
        id="targets-that-do-not-add-up",
        title="CrossEntropyLoss with targets that do not add up to one: curvature without their sum",
        methods=SECOND,
        condition="targets as one number for each class, as probabilities times the weight of a sample",
        instead="the Hessian of targets that add up to one",
        reason="the root is made of the outputs alone; input1 is not read",
    ),
    _issue(
        id="double-backward",
        title="A pass through a gradient: results are those of the last time a module's hook ran",
        methods=EVERY,
        condition="`create_graph=True` and a second pass, as for a penalty of the gradient by the input",
        instead="with retain_graph=True rows that do not add up to p.grad; AttributeError without",
        reason="the backward hook runs in each of the passes, and a result is set, not added to",
        reference="https://github.com/f-dangel/backpack/issues/83",
    ),
    _issue(
        id="results-keep-the-graph",
        title="Results of a pass with create_graph=True keep the model in memory for good",
        severity=Severity.SIDE_EFFECT,
        methods=EVERY,
        condition="autograd.grad or backward with create_graph=True in a context of BackPACK",
        instead="parameters, and what their results were computed from, are never freed",
        reason="a parameter holds a result, whose graph holds the parameter: a cycle that Python cannot see",
        reference="https://github.com/f-dangel/backpack/issues/238",
    ),
)

OF_LAYERS = (
    _issue(
        id="views-between-layers",
        title="A view between two modules passes for the tensor itself",
        methods=SECOND,
        condition="what a module puts out is sliced from 0, transposed, reshaped or expanded by a function, as in "
        "`above(below(X)[:, :1])` or `entropy(f.transpose(1, 2), y)`",
        instead="curvature of another shape, or of other entries, where a function that copies is refused; also after "
        "use_converter=True, which makes a ReduceTuple of a slice",
        reason="backpropagated quantities are kept by data_ptr, which a view and its base share",
    ),
    _issue(
        id="weight-used-outside-its-layer",
        title="A weight that a function uses, too: results are of its own module's part alone",
        methods=EVERY,
        condition="`functional.linear(h, layer.weight)`, a tied decoder, or a penalty on weights in the loss",
        instead="rows that do not add up to p.grad",
        reason="results are made by the hooks of modules, and nothing compares them with the gradient",
    ),
    _issue(
        id="module-used-twice-retained",
        title="A module that is called twice, with retain_graph=True: the result of one call, with the other's input",
        methods=EVERY,
        condition="`backpack(…, retain_graph=True)`, and a layer with parameters that is called twice",
        instead="the gradient that came last times the input that came last, where the default raises AttributeError",
        reason="nothing is deleted after the first call's hook, and the second one's finds the same input0",
        reference="https://github.com/f-dangel/backpack/issues/248",
    ),
    _issue(
        id="output-without-gradient",
        title="A module that returns several outputs, not all of which are used: an exception about None",
        severity=Severity.EXCEPTION,
        methods=("BatchGrad, BatchL2Grad, SumGradSquared, Variance",),
        condition="a module that holds the layers is extended, returns a tuple, and a layer's result is used in no "
        "other of its outputs; where the layers alone are extended, the results are right",
        instead="AttributeError: 'NoneType' object has no attribute 'shape'",
        reason="the backward hook of the module makes torch hand None to outputs without a gradient, and so to the "
        "layer's own hook, which reads g_out[0].shape",
        reference="searched, none found (2026-12-01)",
    ),
    _issue(
        id="forward-called-directly",
        title="A layer whose forward is called directly gets no result, or keeps an old one",
        methods=EVERY,
        condition="`layer.forward(X)` in the place of `layer(X)`, which torch allows and gives gradients for",
        instead="no attribute, or that of an earlier batch; second-order extensions raise AssertionError",
        reason="torch runs no hooks then, and BackPACK does not notice a layer that is left out",
    ),
    _issue(
        id="batch-l2-groups",
        title="BatchL2Grad of a convolution with groups: norms of a weight that has no groups",
        methods=("BatchL2Grad",),
        condition="Conv{1,2,3}d or ConvTranspose{1,2,3}d with groups other than 1",
        instead="the squares of all pairs of an input and an output channel, also of those that are in two groups",
        reason="BatchL2ConvND contracts unfolded inputs and gradients whole, and does not look at module.groups",
    ),
    _issue(
        id="diag-hessian-strides",
        title="DiagHessian of an activation whose input is not contiguous: an exception about a view",
        severity=Severity.EXCEPTION,
        methods=("DiagHessian, BatchDiagHessian",),
        condition="Sigmoid, Tanh, LogSigmoid, ELU or SELU after a view, or in a network in channels_last",
        instead="RuntimeError: view size is not compatible with input tensor's size and stride",
        reason="the residual's diagonal is taken apart by view, where reshape would do",
    ),
    _issue(
        id="permute-negative-axes",
        title="Permute with negative axes: the derivative takes another permutation",
        methods=("DiagGGNExact and the other second-order extensions that know Permute",),
        condition="BackPACK's Permute(0, -1, -2), or init_transpose with negative axes, as the converter makes it",
        instead="samples and features mixed where their numbers are equal; a RuntimeError about shapes elsewhere",
        reason="PermuteDerivatives sorts the axes as they were given, and negative ones come first",
    ),
)

OF_WRITES = (
    _issue(
        id="grad-batch-is-the-gradient",
        title="Writing to grad_batch of a bias in extension_hook changes the gradient",
        methods=("BatchGrad",),
        condition="an extension_hook that clips or scales results in place, in the first layer or before a branch",
        instead="p.grad of the layer's weight, and of layers in other branches, are clipped or scaled as well",
        reason="grad_batch of a Linear's bias is the incoming gradient itself, which autograd still needs",
    ),
    _issue(
        id="rows-share-memory",
        title="sqrt_ggn_exact of the last bias: the rows of all samples are one place in memory",
        severity=Severity.SIDE_EFFECT,
        methods=("SqrtGGNExact",),
        condition="MSELoss, and a Linear right before it",
        instead="writing to one sample's root changes every sample's",
        reason="the root is one matrix, expanded over the samples, and a bias hands it on as it is",
    ),
    _issue(
        id="module-changed-before-backward",
        title="What a module holds is replaced between forward and backward: it counts as that of the forward pass",
        methods=EVERY,
        condition="a parameter, a buffer or an option of a module set to another one before the backward pass",
        instead="results on the new parameter, with its numbers, or those of the new statistics or option",
        reason="modules are read in the backward pass, where autograd has kept what was there",
    ),
)

USE_ISSUES: tuple[KnownIssue, ...] = (*OF_LOSSES, *OF_LAYERS, *OF_WRITES)
