"""Known issues that a few lines show on numbers or modules of their own, in whatever order networks are used."""

from __future__ import annotations

from functools import partial

from jaccheck.judging.known.case_issue import BACKPACK
from jaccheck.judging.known.issue import SEARCHED, KnownIssue, Severity

_issue = partial(KnownIssue, package=BACKPACK, versions=">=1.7", severity=Severity.SILENT, reference=SEARCHED)

OF_NUMBERS = (
    _issue(
        id="variance-cancels",
        title="Variance of gradients that are nearly equal: rounding alone, and below zero as often as above",
        methods=("Variance",),
        condition="gradients whose differences are small beside them, as 1000.00, 1000.01 and 1000.02 in float32",
        instead="a number hundreds of times the variance, or a negative one, whose root is NaN",
        reason="it is the mean of squares minus the square of the mean, and the two cancel",
    ),
    _issue(
        id="log-sigmoid-of-large",
        title="DiagHessian of a LogSigmoid whose input is beyond 88: NaN",
        methods=("DiagHessian, BatchDiagHessian",),
        condition="float32 inputs of LogSigmoid above 88, where it is flat",
        instead="NaN in every layer below",
        reason="its second derivative is exp(x) over the square of exp(x) + 1, infinity over infinity",
    ),
    _issue(
        id="embedding-of-infinite-gradient",
        title="An Embedding with an infinite gradient at one index: NaN at the sample's other indices",
        methods=("BatchGrad and what is made of it",),
        condition="an incoming gradient that is infinite at one place of a sample",
        instead="NaN in the rows of all indices, where autograd has the right ones",
        reason="a table of zeros and ones is multiplied with the gradient: 0 times infinity",
    ),
    _issue(
        id="kfra-dtype",
        title="KFRA in float64: an exception about scalar types",
        severity=Severity.EXCEPTION,
        methods=("KFRA",),
        condition="a network in any dtype but torch's default, with MSELoss or MaxPool2d",
        instead="RuntimeError: expected scalar type Double but found Float",
        reason="eye and zeros are made without the dtype of what they are multiplied with",
    ),
    _issue(
        id="autocast",
        title="A forward pass under autocast: an exception about scalar types",
        severity=Severity.EXCEPTION,
        methods=("all but BatchGrad and BatchL2Grad of Linears",),
        condition="torch.autocast around the forward pass, as in training with mixed precision",
        instead="RuntimeError: expected scalar type BFloat16 but found Float",
        reason="gradients have the lower precision, input0 and weights the higher, and einsum takes no two",
    ),
)

OF_PRODUCTS = (
    _issue(
        id="product-of-a-list",
        title="jacobian_vector_product of a list of outputs: an exception about zeros_like",
        severity=Severity.EXCEPTION,
        methods=("jacobian_vector_product", "R_op"),
        condition="a list of tensors as `f`, which the docstring allows; a tuple works",
        instead="TypeError: zeros_like(): argument 'input' must be Tensor, not list",
        reason="R_op asks whether `ys` is a tuple, and takes all else for a tensor",
    ),
    _issue(
        id="hessian-of-what-is-linear",
        title="hessian_vector_product and ggn_vector_product of what is linear: an exception, where the product is 0",
        severity=Severity.EXCEPTION,
        methods=("hessian_vector_product", "ggn_vector_product"),
        condition="a loss that is linear in the parameters, or in the outputs, as L1Loss is nearly everywhere",
        instead="RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn",
        reason="the first derivative is a constant, which R_op differentiates all the same",
    ),
    _issue(
        id="inverse-of-a-singular-factor",
        title="inv_kfacs of a factor without full rank: eigenvalues of -1e8",
        methods=("inv_kfacs", "apply_inv_kfac_mat_prod"),
        condition="a factor of fewer samples than it has rows, and no shift",
        instead="an inverse that is not positive: a step along it climbs",
        reason="an eigenvalue of 0 that rounding has made -1e-9 is inverted and cut at -1e8, where 0 becomes +1e8",
    ),
)

OF_MODULES = (
    _issue(
        id="conv-transpose-output-size",
        title="ConvTranspose{1,2,3}d that is called with an output_size: an exception about a shape",
        severity=Severity.EXCEPTION,
        methods=("BatchGrad",),
        condition="`layer(X, output_size)` with a size that needs an output padding",
        instead="RuntimeError: shape is invalid for input of size",
        reason="input1 is not read; a comment in unfold_by_conv_transpose says that the case is not handled",
    ),
    _issue(
        id="computed-weights",
        title="A weight that is computed from a parameter: the parameter gets no result, or keeps an old one",
        methods=("every extension",),
        condition="weight_norm or prune of torch.nn.utils on a layer",
        instead="results on the computed tensor, which is another in each forward pass",
        reason="results are set on module.weight, which is no parameter then",
    ),
    _issue(
        id="products-follow-the-module",
        title="Products of HMP, GGNMP and PCHMP change with the next forward pass or step",
        methods=("HMP, GGNMP, PCHMP",),
        condition="`p.hmp(v)` after another forward pass, or after the weights were changed",
        instead="a product with the Hessian of neither batch: input and weights of now, gradients of then",
        reason="the functions read module.input0 and module.weight when they are called",
    ),
    _issue(
        id="remove-hooks-forgets-copies",
        title="CTX.remove_hooks leaves the hooks of copies",
        severity=Severity.SIDE_EFFECT,
        methods=("extend",),
        condition="a model that was copied or unpickled after extend",
        instead="the copy still stores inputs and outputs in every forward pass, and runs extensions",
        reason="it goes through the handles that extend made, and a copy has hooks without any",
    ),
    _issue(
        id="contexts-left-in-another-order",
        title="Two contexts that are left in the order they were entered in: one stays active for good",
        severity=Severity.SIDE_EFFECT,
        methods=("every extension",),
        condition="contexts in two generators or coroutines, which do not end in the opposite order",
        instead="the first one's extensions run in every later backward pass of the process",
        reason="__exit__ sets back what was active when the context was entered, whatever has ended since",
    ),
    _issue(
        id="empty-batch",
        title="A batch without samples: an exception with a convolution, a Kronecker factor, or a mean in second order",
        severity=Severity.EXCEPTION,
        methods=("BatchGrad, SumGradSquared, Variance, KFAC, KFLR, KFRA, SqrtGGNExact, DiagGGNExact, DiagHessian",),
        condition="N = 0; autograd and BatchL2Grad give empty results, and so do the others for Linears and a sum",
        instead="RuntimeError: non-positive groups is not supported; reshapes with -1; a division by zero",
        reason="the number of samples is a number of groups, a known size beside -1, and a divisor",
    ),
    _issue(
        id="one-field-twice",
        title="Two extensions of one kind in a context: the last one's results alone, without a word",
        methods=("every extension",),
        condition="`backpack(BatchGrad(), BatchGrad(subsampling=[0]))`, or two numbers of Monte-Carlo samples",
        instead="the results of the first are overwritten",
        reason="both save to one attribute, which is not compared when the context is made",
    ),
)

ALONE_ISSUES: tuple[KnownIssue, ...] = (*OF_NUMBERS, *OF_PRODUCTS, *OF_MODULES)
