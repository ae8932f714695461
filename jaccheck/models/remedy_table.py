"""What makes a method run that crashed on a user's model, by the exception's first line: the table.

Each line is seen to work in `tests/models/test_remedies.py`: a model on which a method crashes for that reason, and the
same model with the remedy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaccheck.judging import CHECKPOINT, INNER_GRADIENT, REENTRANT_CHECKPOINT, TRANSFORM, VMAP
from jaccheck.methods import Problem
from jaccheck.models.observed import (
    calls_a_layer_twice,
    gives_other_rows,
    gives_samples_along_another_axis,
    leaves_outputs_of_modules_out,
    uses_last_states_alone,
    writes_buffers,
)
from jaccheck.models.uses import has_hooks, passes_inputs_by_keyword


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What to do where an exception matches `pattern`, and the known issue that it is, if it is one.

    Where `families` of methods, a `module` or an `operation` are named, the exception means that of these methods
    alone, on a model with such a module, and on one that calls this operation of torch's.
    """

    pattern: str
    advice: str = ""
    issue: str = ""
    families: tuple[str, ...] = ()
    module: str = ""
    operation: str = ""
    where: Callable[[Problem], bool] | None = None
    """Whether it means that of this model."""


OF_A_VALUE = r"(calling \.item\(\) on a Tensor|a Tensor in some data-dependent control flow)"
"""How torch.vmap says that something looks at the value of a tensor: the user's own line, or a function of torch's."""

FOR_EACH = (
    "another number of rows than there are samples: give it one for each, by .expand(len(X), …) of what all samples "
    "share, and by a mask in the place of choosing some"
)
OTHER_ROWS = f"a layer gets {FOR_EACH}"

OF_ROWS = (
    "The expanded size of the tensor|is invalid for input of size|is out of bounds for dimension 0|Compared shapes"
)
"""How BackPACK says that the gradients of a layer have another number of rows."""

WITHOUT_CHECKPOINT = "call the layers directly, without torch.utils.checkpoint, while Jacobians are computed"

BY_FUNC = (
    "compute the gradient in forward by torch.func.grad; that by X is torch.func.vmap(torch.func.grad(f))(X), where f "
    "takes one sample"
)

BY_CELLS = (
    "call the layer's cell, as nn.GRUCell, once for each step of the padded sequences, beginning with "
    "X.new_zeros(len(X), hidden_size)"
)

NO_GRADIENT = "'NoneType' object (has no attribute 'shape'|is not subscriptable)"
"""How BackPACK says that no gradient has come to a layer's output."""

OTHERS_DO = "torch.autograd does, as autograd_batched"
"""And that they are right on such a model is tested."""

REMEDIES: tuple[Remedy, ...] = (
    Remedy(
        pattern="is a view and is being modified inplace",
        advice="set inplace=False in the model's activations, and write h = h + 1 instead of h += 1",
    ),
    Remedy(
        pattern=f"{OF_ROWS}|Expected ExpandedWeights to have batch size",
        advice="a layer gets the samples along another axis than the first: give it them along that, as by "
        "h.transpose(0, 1), or by batch_first=True",
        families=("backpack", "expanded weights"),
        where=gives_samples_along_another_axis,
    ),
    Remedy(
        pattern=OF_ROWS,
        advice=OTHER_ROWS,
        families=("backpack",),
        where=gives_other_rows,
    ),
    Remedy(
        pattern="Expanded Weights needs an input with a batch",
        advice=OTHER_ROWS,
        where=gives_other_rows,
    ),
    Remedy(
        pattern="Expected ExpandedWeights to have batch size",  # of a function, too, as F.linear
        advice=f"a layer, or a function of its parameters, gets {FOR_EACH}",
    ),
    Remedy(
        pattern=r"einsum\(\): the number of subscripts in the equation|Input does not have a batch dimension",
        advice="a layer gets one sample alone: give it all of them at once, layer(X), and choose among what several "
        "layers return by torch.where",
        families=("backpack", "expanded weights"),
        where=gives_other_rows,
    ),
    Remedy(
        pattern="Compared shapes|Difference in dimension must be 1|mat1 and mat2 shapes cannot be multiplied",
        advice="BackPACK's losses take an output [N, C]: append nn.Flatten() to the model",
        families=("backpack",),
    ),
    Remedy(
        pattern="_scaled_dot_product_(flash|efficient|cudnn|fused)",
        advice="run the attention inside `with torch.nn.attention.sdpa_kernel(SDPBackend.MATH):`",
    ),
    Remedy(
        pattern="_transformer_encoder_layer_fwd|_native_multi_head_attention",
        advice="call torch.backends.mha.set_fastpath_enabled(False), and run the model inside "
        "`with torch.nn.attention.sdpa_kernel(SDPBackend.MATH):`",
        issue="torch-forward-mode-attention",
    ),
    Remedy(
        pattern="cannot handle function mkldnn_rnn_layer",
        advice="run the model inside `with torch.backends.mkldnn.flags(enabled=False):`",
        issue="torch-expanded-weights-lstm",
    ),
    Remedy(
        pattern="forward AD with mkldnn_rnn_layer|doesn't match the broadcast shape",
        advice=BY_CELLS,
        issue="torch-vmap-recurrent",
        module="RNNBase",
    ),
    Remedy(
        pattern="doesn't match the broadcast shape",
        advice="give the cell a first state that follows from X: X.new_zeros(len(X), hidden_size), or a parameter plus "
        "that",
        module="RNNCellBase",
    ),
    Remedy(
        pattern="doesn't match the broadcast shape",
        advice="do not write into buffers, nor into other tensors that all samples share: h = h + 1 instead of h += 1",
    ),
    Remedy(
        pattern=r"Batching rule not implemented for aten::(gru|rnn_tanh|rnn_relu)\.",
        advice=f"torch.vmap has no rule for recurrent layers: {BY_CELLS}",
    ),
    Remedy(
        pattern=r"Batching rule not implemented for aten::lstm",
        advice="torch.vmap has no rule for LSTMs: compute the gates of each step with two nn.Linear, sigmoid and tanh",
    ),
    Remedy(
        pattern="must match the size|Sizes of tensors must match|split_with_sizes|PreluKernelBackward0",
        issue="torch-vmap-prelu",
        families=("torch.func",),
        operation="_prelu_kernel",
    ),
    Remedy(pattern=r"dilation=.* not supported", issue="torch-expanded-weights-conv3d-dilation"),
    Remedy(
        pattern="has no attribute 'input0'",
        advice="give a layer its input by position, as layer(X)",
        issue="keyword-arguments",
        families=("backpack",),
        where=passes_inputs_by_keyword,
    ),
    Remedy(
        pattern="expects a backpropagation quantity but it is None",
        advice="compute in a module of its own what a hook computes, since SqrtGGNExact follows modules alone",
        families=("backpack",),
        where=has_hooks,
    ),
    Remedy(
        pattern="has no attribute '(output|input0)'",
        issue="module-used-twice",
        families=("backpack",),
        where=calls_a_layer_twice,
    ),
    Remedy(
        pattern=NO_GRADIENT,
        advice="return several outputs in a dict or a list, or extend each layer instead of the model, as "
        "batch_grad_layers does",
        issue="output-without-gradient",
        families=("backpack",),
        where=leaves_outputs_of_modules_out,
    ),
    Remedy(
        pattern=NO_GRADIENT,
        advice="take the last step of a recurrent layer's outputs, outputs[:, -1], instead of its last state",
        issue="recurrent-second-output",
        families=("backpack",),
        where=uses_last_states_alone,
    ),
    Remedy(
        pattern="has no attribute '(output|input0)'",
        advice=f"nothing in the model: BackPACK does not differentiate a gradient that forward computes; {OTHERS_DO}",
        issue="double-backward",
        families=("backpack",),
        operation=INNER_GRADIENT,
    ),
    Remedy(
        pattern=OF_A_VALUE + ".*one_hot",
        advice="write torch.eye(n, dtype=…)[x] instead of one_hot(x, n), which looks at the largest index",
    ),
    Remedy(
        pattern=f"{OF_A_VALUE}|stack expects each tensor to be equal size",
        operation="_pack_padded_sequence",
        advice=f"torch.vmap has no rule for packed sequences: {BY_CELLS}, and take each sample's last step by gather",
    ),
    Remedy(
        pattern=OF_A_VALUE,
        advice="replace a branch on a tensor's value by torch.where, a slice as long as a value says by a mask, and "
        ".item() by arithmetic with tensors",
    ),
    Remedy(
        pattern=r"attempting to call Tensor\.requires_grad_\(\)",
        advice=BY_FUNC,
        operation=INNER_GRADIENT,
    ),
    Remedy(
        pattern="element 0 of tensors does not require grad and does not have a grad_fn",
        advice=BY_FUNC,
        operation=INNER_GRADIENT,
    ),
    Remedy(
        pattern="The stateless API can't be used with Jitted modules",
        advice="give the nn.Module itself, as it was before torch.jit.script or torch.jit.trace",
    ),
    Remedy(
        pattern="Expanded Weights needs an input with a batch size, got a 1D tensor",
        advice="give a layer of one index for each sample these as i[:, None], and take [:, 0] of what it returns",
    ),
    Remedy(
        pattern="is invalid for input of size|must match the size of tensor",
        advice="give torch.linalg.solve a matrix for each sample: A.expand(len(X), *A.shape)",
        operation="_linalg_solve_ex",
        families=("torch.func", "autograd"),
    ),
    Remedy(
        pattern="view size is not compatible with input tensor's size and stride",
        issue="torch-expanded-weights-conv-view",
        families=("expanded weights",),
    ),
    Remedy(
        pattern="random operation while in randomness error mode",
        advice="draw the random numbers outside forward, and hold them in a buffer",
    ),
    Remedy(
        pattern="can (output|support) dynamic shape|return a differently shaped Tensor",
        advice="keep every entry and use torch.where, or multiply by a mask, instead of choosing some by value",
    ),
    Remedy(
        pattern="do not yet support aten::rrelu",
        advice="torch.vmap has no rule for it: nn.LeakyReLU((lower + upper) / 2) is the same as an nn.RReLU in "
        "evaluation mode",
    ),
    Remedy(
        pattern="Expanded Weights encountered but cannot handle function",
        advice="nothing in the model: this method follows what layers compute with their parameters, and no other "
        f"functions of them; {OTHERS_DO}, and so does vmap_vjp",
    ),
    Remedy(
        pattern="Batching rule not implemented for|we do not yet support aten::",
        advice="torch.vmap has no rule for that function: compute the same with others",
    ),
    Remedy(
        pattern="must override the setup_context staticmethod",
        advice=WITHOUT_CHECKPOINT,
        operation=REENTRANT_CHECKPOINT,
    ),
    Remedy(
        pattern="must override the setup_context staticmethod",
        advice="nothing in the model: this method does not differentiate through torch.func in forward; "
        f"{OTHERS_DO}, and so does vmap_vjp",
        operation=TRANSFORM,
        families=("backpack", "expanded weights"),  # whose functions these are, where the user wrote none
    ),
    Remedy(
        pattern="must override the setup_context staticmethod",
        advice="call the layers on all samples at once, instead of on one inside of torch.vmap",
        operation=VMAP,
        families=("expanded weights",),
    ),
    Remedy(
        pattern="must override the setup_context staticmethod",
        advice="move what forward(ctx, …) of the torch.autograd.Function saves into setup_context(ctx, inputs, "
        "output), and set generate_vmap_rule = True; forward mode also needs a jvp",
        families=("torch.func", "autograd"),  # others have such functions of their own
    ),
    Remedy(
        pattern="must implement the jvp function for custom autograd.Function",
        advice="give the torch.autograd.Function a jvp(ctx, *tangents), too",
    ),
    Remedy(
        pattern="does not have vmap support",
        advice="set generate_vmap_rule = True in the torch.autograd.Function",
    ),
    Remedy(
        pattern="support saved tensor hooks|have escaped from inside a function being vmapped"
        r"|torch\.utils\.checkpoint: Recomputed values",
        advice=WITHOUT_CHECKPOINT,
        operation=CHECKPOINT,
    ),
    Remedy(
        pattern="Cannot access data pointer of Tensor that doesn't have storage",
        advice="compute with torch in forward, instead of .numpy() and .tolist(); where sequences are packed, run the "
        "padded ones, and take each sample's last step by gather",
    ),
    Remedy(
        pattern="SparseCPU|SparseCUDA|between dense and sparse Tensors",
        advice="make the nn.Embedding with sparse=False",
        module="Embedding",
    ),
    Remedy(
        pattern="SparseCPU|SparseCUDA|SparseCsr|between dense and sparse Tensors|forward AD with _sparse_c",
        advice="make dense matrices in forward, as by torch.zeros(n, m).index_put((i, j), values)",
    ),
    Remedy(
        pattern="that would mutate a captured Tensor",
        advice="do not change buffers in forward in evaluation mode",
    ),
    Remedy(
        pattern=r"vmap: .*\(self, \*extra_args\) is not possible",
        advice="do not write into buffers in forward in evaluation mode",
        where=writes_buffers,
    ),
    Remedy(
        pattern=r"vmap: .*\(self, \*extra_args\) is not possible",
        advice="write into torch.zeros_like(h) of a tensor h that follows from X, or join the pieces by torch.cat",
    ),
    Remedy(
        pattern="forward AD with _embedding_bag",
        advice="nn.Embedding(…)(X) with .sum(1), .mean(1) or .max(1)[0] is the same as nn.EmbeddingBag with that mode, "
        "without weights and padding_idx; with weights (nn.Embedding(…)(X) * weights[..., None]).sum(1) is",
    ),
    Remedy(
        pattern="Trying to use forward AD with .* that does not support it",
        advice="forward mode has no rule for that function: compute the same with others, or use a method of reverse "
        "mode",
    ),
)
