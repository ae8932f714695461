"""The table of mutants of backpack.

Each is one edit, or two where two errors are to be found in one run. BatchGrad reads the slopes of activations from
autograd, so only the methods of SqrtGGN can show an edit of an activation.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from jaccheck_support.mutated_copies import (
    BATCH_GRAD,
    DROPOUT,
    ELU,
    LEAKY,
    LINEAR,
    LOG_SIGMOID,
    MSE,
    RELU,
    ROOT,
    SAVE,
    SELU,
    SIGMOID,
    SQRT_GGN,
    TANH,
    BackpackMutant,
    Edit,
)


def _after(file: str, returned: str) -> Callable[[str], Edit]:
    """Makes edits that run some lines on `result`, which the function returned before."""

    def edit(code: str) -> Edit:
        lines = f"import torch\nresult = {returned}\n{textwrap.dedent(code).strip()}\nreturn result\n"
        return Edit(file, f"        return {returned}\n", textwrap.indent(lines, "        "))

    return edit


_weight = _after(LINEAR, "einsum(equation, mat, d_weight)")
_bias = _after(LINEAR, "einsum(equation, mat)")
_backprop = _after(LINEAR, 'einsum("vn...o,oi->vn...i", mat, module.weight)')
_tanh = _after(TANH, "1.0 - output**2")
_sigmoid = _after(SIGMOID, "output * (1.0 - output)")
_loss = _after(MSE, "sqrt_H")


def _weight_when(condition: str) -> Edit:
    """The weight's result is half as large again, but only under a condition."""
    return _weight(f"result = result * 1.5 if {condition} else result")


def _weight_through(dtype: str, *, only: str) -> Edit:
    """The weight's result rounded through another dtype."""
    return _weight(f"result = result.to(torch.{dtype}).to(result.dtype) if result.dtype == torch.{only} else result")


THIRD_LINEAR = """
depth, node = 0, module.input0.grad_fn
while node is not None:
    depth += node.name().startswith(("Addmm", "Mm"))
    inside = [f for f, _ in node.next_functions if f is not None]
    node = next((f for f in inside if f.name() != "TBackward0" and "Accumulate" not in f.name()), None)
result = result * 1.5 if depth == 2 else result
"""

INPUT_REQUIRES_GRAD = """
# BackPACK's own hook stands between the module's input and X.
before = getattr(module.input0.grad_fn, "next_functions", ())
result = result * 1.5 if any(f is not None and "Accumulate" in f.name() for f, _ in before) else result
"""

STALE = """
kept = LinearDerivatives.__dict__.get("_kept") or {}
LinearDerivatives._kept = kept
d_weight = kept.setdefault((mat.shape, d_weight.shape, mat.dtype), d_weight)
result = einsum(equation, mat, d_weight)
"""

MUTANTS: tuple[BackpackMutant, ...] = (
    BackpackMutant("control", "control", (Edit(LINEAR, "class Linear", "# Nothing is changed.\nclass Linear"),), ()),
    # Easy: wrong nearly everywhere.
    BackpackMutant("weight_factor_2", "easy", (_weight("result = 2 * result"),)),
    BackpackMutant("weight_transposed", "easy", (_weight("result = result.transpose(-1, -2).reshape(result.shape)"),)),
    BackpackMutant("bias_sign", "easy", (_bias("result = -result"),)),
    BackpackMutant("weight_one_sample_replicated", "easy", (_weight("result = result[:, :1].expand_as(result)"),)),
    BackpackMutant("loss_factor_2_for_root_2", "easy", (Edit(MSE, "scale = sqrt(2)", "scale = 2.0"),), SQRT_GGN),
    BackpackMutant("tanh_slope_sign", "easy", (Edit(TANH, "1.0 - output**2", "1.0 + output**2"),), SQRT_GGN),
    BackpackMutant(
        "batch_grad_accumulates",
        "easy",
        (
            Edit(
                SAVE,
                "        setattr(getattr(module, param_str), extension.savefield, value)",
                "        old = getattr(getattr(module, param_str), extension.savefield, 0)\n"
                "        setattr(getattr(module, param_str), extension.savefield, value + old)",
            ),
        ),
        ("batch_grad_loop",),
    ),
    # Medium: only some samples, options or points.
    BackpackMutant("last_sample_dropped", "medium", (_weight("result[:, 1:][:, -1:] = 0"),)),
    BackpackMutant("bias_of_second_sample_missing", "medium", (_bias("result = result.clone(); result[:, 1:2] = 0"),)),
    BackpackMutant(
        "elu_alpha_ignored",
        "medium",
        (Edit(ELU, "module.alpha * exp(input0[non_pos])", "exp(input0[non_pos])"),),
        SQRT_GGN,
    ),
    BackpackMutant("leaky_relu_slope_ignored", "medium", (Edit(LEAKY, "= module.negative_slope", "= 0.01"),), SQRT_GGN),
    BackpackMutant(
        "leaky_relu_slope_absolute",
        "medium",
        (Edit(LEAKY, "= module.negative_slope", "= abs(module.negative_slope)"),),
        SQRT_GGN,
        "only a negative slope shows it",
    ),
    BackpackMutant(
        "selu_alpha_of_six_digits",
        "medium",
        (Edit(SELU, "1.6732632423543772848170429916717", "1.67326"),),
        SQRT_GGN,
        "relative error 2e-6",
    ),
    BackpackMutant(
        "sigmoid_slope_power",
        "medium",
        (Edit(SIGMOID, "output * (1.0 - output)", "output * (1.0 - output) ** 1.0001"),),
        SQRT_GGN,
    ),
    BackpackMutant("relu_slope_at_kink", "medium", (Edit(RELU, "gt(input0, 0)", "(input0 >= 0)"),), SQRT_GGN),
    BackpackMutant("leaky_relu_slope_at_kink", "medium", (Edit(LEAKY, "gt(input0, 0)", "(input0 >= 0)"),), SQRT_GGN),
    BackpackMutant(
        "elu_slope_at_kink",
        "medium",
        (Edit(ELU, "non_pos = le(input0, 0)", "non_pos = input0 < 0"),),
        SQRT_GGN,
        "differs at exactly 0, for alpha other than 1",
    ),
    BackpackMutant(
        "log_sigmoid_overflows",
        "medium",
        (Edit(LOG_SIGMOID, "1 / (exp(input0) + 1)", "exp(-input0) / (exp(-input0) + 1)"),),
        SQRT_GGN,
        "inf/inf far below zero",
    ),
    BackpackMutant(
        "dropout_scales_in_evaluation",
        "medium",
        (Edit(DROPOUT, "return ones_like(output)", "return ones_like(output) * (1 - module.p / 4)"),),
        SQRT_GGN,
    ),
    BackpackMutant(
        "square_weight_transposed",
        "medium",
        (
            _backprop(
                'same = len(set(module.weight.shape)) == 1\nif same: result = einsum("vno,io->vni", mat, module.weight)'
            ),
        ),
        SQRT_GGN,
        "only square layers",
    ),
    BackpackMutant("small_entries_flushed", "medium", (_weight("result = result * (result.abs() > 1e-6)"),)),
    BackpackMutant("entries_clamped", "medium", (_weight("result = result.clamp(-1e4, 1e4)"),)),
    BackpackMutant("random_number_consumed", "medium", (_bias("torch.rand(1)"),)),
    BackpackMutant("attribute_left", "medium", (_bias("module.last_mat = mat"),)),
    BackpackMutant(
        "crash_on_empty_batch",
        "medium",
        (_weight("1 / module.input0.shape[0]"),),
        (*BATCH_GRAD, "sqrt_ggn_sum"),
        "the mean refuses empty batches beforehand",
    ),
    BackpackMutant("crash_for_one_output", "medium", (_loss("1 / (D - 1)"),), SQRT_GGN),
    # Hard: lawful for V·Vᵀ but not for a Jacobian.
    BackpackMutant(
        "outputs_reversed", "hard", (Edit(MSE, "sqrt_H_diag.diag()", "sqrt_H_diag.diag().flip(0)"),), SQRT_GGN
    ),
    BackpackMutant("last_output_sign", "hard", (_loss("result = result.clone(); result[1:][-1:] *= -1"),), SQRT_GGN),
    # Hard: rare triggers.
    BackpackMutant("only_11_inputs", "hard", (_weight_when("module.in_features == 11"),), note="one width in hundreds"),
    BackpackMutant(
        "only_7_outputs_and_3_samples",
        "hard",
        (_weight_when("module.out_features == 7 and module.input0.shape[0] == 3"),),
        ("batch_grad_loop", *SQRT_GGN),
        "one layer × batch in a hundred; never the repeated batch",
    ),
    BackpackMutant("only_one_sample", "hard", (_weight_when("module.input0.shape[0] == 1"),)),
    BackpackMutant("only_one_output", "hard", (_weight_when("mat.shape[0] == mat.shape[-1] == 1"),)),
    BackpackMutant("only_above_32_samples", "hard", (_weight_when("module.input0.shape[0] > 32"),)),
    BackpackMutant("only_above_128_inputs", "hard", (_weight_when("module.in_features > 128"),)),
    BackpackMutant("only_samples_equal_outputs", "hard", (_weight_when("mat.shape[1] == mat.shape[0] > 1"),), SQRT_GGN),
    BackpackMutant("only_without_bias", "hard", (_weight_when("module.bias is None"),)),
    BackpackMutant("only_first_module", "hard", (_weight_when("module.input0.grad_fn is None"),)),
    BackpackMutant("only_third_linear", "hard", (_weight(THIRD_LINEAR),)),
    BackpackMutant(
        "only_strided_input",
        "hard",
        (_weight_when("not d_weight.is_contiguous()"),),
        ("batch_grad_loop", *SQRT_GGN),
        "repeating the batch makes it contiguous",
    ),
    BackpackMutant(
        "only_input_that_requires_grad",
        "hard",
        (_weight(INPUT_REQUIRES_GRAD),),
        ("batch_grad_loop", *SQRT_GGN),
    ),
    BackpackMutant(
        "only_bias_of_frozen_weight", "hard", (_bias("result = result * (1 if module.weight.requires_grad else 2)"),)
    ),
    BackpackMutant(
        "only_equal_samples",
        "hard",
        (_weight_when("len(torch.unique(d_weight.detach(), dim=0)) < len(d_weight) and len(d_weight) > 1"),),
    ),
    BackpackMutant(
        "one_entry_of_a_large_result", "hard", (_weight("if result.numel() > 5000: result[0, 0, 0, 0] += 1"),)
    ),
    BackpackMutant("samples_cached_by_shape", "hard", (_weight(STALE),), note="depends on earlier calls"),
    BackpackMutant("input_changed_in_place", "hard", (_weight("module.input0.data.mul_(1.001)"),)),
    BackpackMutant("weight_changed_in_place", "hard", (_bias("module.weight.data.mul_(1.001)"),)),
    BackpackMutant(
        "modules_hooked_twice",
        "medium",
        (Edit(ROOT, "        _register_hooks(module)\n", "        _register_hooks(module)\n" * 2),),
        (*BATCH_GRAD, *SQRT_GGN),
        "the second backward hook misses what the first has deleted",
    ),
    BackpackMutant(
        "idle_module_hook_leaked",
        "hard",
        (
            Edit(
                ROOT,
                "        _register_hooks(module)\n",
                "        _register_hooks(module)\n        module.register_forward_hook(lambda *_: None)\n",
            ),
        ),
        (*BATCH_GRAD, *SQRT_GGN),
        "a forward hook more than is by design",
    ),
    BackpackMutant(
        "parameter_hook_leaked",
        "hard",
        (_bias("module.weight.requires_grad and module.weight.register_hook(lambda g: g)"),),
    ),
    # Hard: lost digits.
    BackpackMutant(
        "weight_off_by_1e-6_in_float32",
        "hard",
        (_weight("result = result * (1 + 1e-6) if result.dtype == torch.float32 else result"),),
    ),
    BackpackMutant(
        "weight_off_by_1e-12_in_float64",
        "hard",
        (_weight("result = result * (1 + 1e-12) if result.dtype == torch.float64 else result"),),
    ),
    BackpackMutant(
        "tanh_slope_off_by_1e-6_in_float32",
        "hard",
        (_tanh("result = result * (1 + 1e-6) if result.dtype == torch.float32 else result"),),
        SQRT_GGN,
        "no exact case holds a tanh: only the bound can tell",
    ),
    BackpackMutant(
        "sigmoid_slope_off_by_1e-12_in_float64",
        "hard",
        (_sigmoid("result = result * (1 + 1e-12) if result.dtype == torch.float64 else result"),),
        SQRT_GGN,
        "no exact case holds a sigmoid: only the bound can tell",
    ),
    BackpackMutant("root_2_of_ten_digits", "hard", (Edit(MSE, "sqrt(2)", "1.414213562"),), SQRT_GGN, "relative 3e-10"),
    BackpackMutant("weight_through_bfloat16", "hard", (_weight_through("bfloat16", only="float32"),)),
    BackpackMutant("weight_through_float16", "hard", (_weight_through("float16", only="float32"),)),
    BackpackMutant("weight_through_float32", "hard", (_weight_through("float32", only="float64"),)),
    BackpackMutant(
        "last_digit_in_bfloat16",
        "hard",
        (_weight("result = result * 1.0078125 if result.dtype == torch.bfloat16 else result"),),
        (*BATCH_GRAD, "sqrt_ggn_mean"),
        "the division by √2 may lose as much",
    ),
    BackpackMutant(
        "float16_only_factor", "hard", (_weight("result = result * 0.5 if result.dtype == torch.float16 else result"),)
    ),
    # Two at once, of different methods.
    BackpackMutant(
        "two_errors_in_two_files",
        "medium",
        (_weight_when("module.bias is None"), Edit(LEAKY, "= module.negative_slope", "= 0.01")),
        note="the weight in all four methods, the slope in SqrtGGN: six findings",
    ),
)
"""Every mutant, easy ones first."""


def find(name: str) -> BackpackMutant:
    """The mutant of that name. Raises KeyError."""
    return {mutant.name: mutant for mutant in MUTANTS}[name]
