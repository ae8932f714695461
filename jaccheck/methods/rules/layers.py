"""Rules of the functions that layers call: Linear, Bilinear, normalisations, PReLU, Embedding.

Each has the signature of its function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from jaccheck.errors import NotCovered
from jaccheck.methods.rules.use import Use, Write, add_up, contract
from jaccheck.methods.samples import Layout


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Use:
    """`y = x Wᵀ + b`: δ ⊗ x and δ, summed over all axes but those of samples and features."""
    return Use(input.dim() - 1, [input], (weight, by_weight_of_linear(input)), (bias, by_bias_of_linear))


def by_weight_of_linear(input: Tensor) -> Write:
    """J[n, c, i, j] = Σ_l δ[c, n, l, i] x[n, l, j]."""

    def write(δ: Tensor, J: Tensor, layout: Layout) -> None:
        δ, x = layout.first(δ, 1), layout.first(input, 0)
        if x.dtype != δ.dtype:
            x = x.to(δ.dtype)
        if x.dim() == 2:
            torch.mul(δ.transpose(0, 1).unsqueeze(-1), x[:, None, None], out=J)
        else:
            rows = δ.flatten(2, -2).permute(1, 0, 3, 2).flatten(1, 2)
            contract(rows, x.flatten(1, -2), J)

    return write


def by_bias_of_linear(δ: Tensor, J: Tensor, layout: Layout) -> None:
    """J[n, c, i] = Σ_l δ[c, n, l, i]."""
    δ = layout.first(δ, 1)
    J.copy_((δ if δ.dim() == 3 else δ.flatten(2, -2).sum(2)).transpose(0, 1))


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Use:
    """`y_o = x1ᵀ W_o x2 + b_o`: δ ⊗ x1 ⊗ x2 and δ."""

    def by_weight(δ: Tensor, J: Tensor, layout: Layout) -> None:
        one, two = (layout.first(each, 0).to(δ.dtype).unsqueeze(1).flatten(1, -2) for each in (input1, input2))
        δ = layout.first(δ, 1).unsqueeze(2).flatten(2, -2)
        J.copy_(torch.einsum("cnlo,nli,nlj->ncoij", δ, one, two))

    return Use(input1.dim() - 1, [input1, input2], (weight, by_weight), (bias, by_bias_of_linear))


def _normalisation(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    aligned: Sequence[int],
    axes: int,
    normalised: Callable[[], Tensor],
) -> Use:
    """`y = x̂ ∘ weight + bias`: δ ∘ x̂ and δ, summed over axes along which weight and bias are the same."""

    def by_weight(δ: Tensor, J: Tensor, layout: Layout) -> None:
        add_up(δ * normalised(), aligned, J, layout)

    def by_bias(δ: Tensor, J: Tensor, layout: Layout) -> None:
        add_up(δ, aligned, J, layout)

    return Use(axes, [input], (weight, by_weight), (bias, by_bias))


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Use:
    """`y = x̂ ∘ weight + bias`, x̂ normalised over the last axes: δ ∘ x̂ and δ, summed over all other axes."""
    shape, axes = list(normalized_shape), input.dim() - len(normalized_shape)
    return _normalisation(
        input,
        weight,
        bias,
        [*[1] * axes, *shape],
        axes,
        lambda: functional.layer_norm(input, shape, None, None, eps),
    )


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Use:
    """The same, without mean and bias."""
    shape, axes = list(normalized_shape), input.dim() - len(normalized_shape)
    return _normalisation(
        input, weight, None, [*[1] * axes, *shape], axes, lambda: functional.rms_norm(input, shape, None, eps)
    )


def _by_channel(input: Tensor) -> list[int]:
    return [1, input.shape[1], *[1] * (input.dim() - 2)]


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Use:
    """The same, with a weight and a bias for each channel."""
    return _normalisation(
        input,
        weight,
        bias,
        _by_channel(input),
        1,
        lambda: functional.group_norm(input, num_groups, None, None, eps),
    )


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Use:
    """The same, with statistics that are given; of the batch are refused."""
    if training:
        raise NotCovered("batch_norm takes its statistics from the batch, so that samples depend on each other")

    def normalised() -> Tensor:
        return functional.batch_norm(input, running_mean, running_var, None, None, False, 0.0, eps)

    return _normalisation(input, weight, bias, _by_channel(input), 1, normalised)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Use:
    """The same, normalised over the positions of each channel."""

    def normalised() -> Tensor:
        mean, var = (None, None) if use_input_stats else (running_mean, running_var)
        return functional.instance_norm(input, mean, var, None, None, use_input_stats, 0.0, eps)

    return _normalisation(input, weight, bias, _by_channel(input), 1, normalised)


def prelu(input: Tensor, weight: Tensor) -> Use:
    """δ ∘ min(x, 0), for one weight or one for each channel."""
    aligned = _by_channel(input) if weight.numel() != 1 else [1] * input.dim()
    return Use(
        None, [input], (weight, lambda δ, J, layout: add_up(δ * input.clamp(max=0).to(δ.dtype), aligned, J, layout))
    )


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Use:
    """Row v of the weight is what each index v in the input becomes, but for the padding, which has no gradient."""
    if max_norm is not None or scale_grad_by_freq:
        raise NotCovered("an embedding has max_norm or scale_grad_by_freq, whose gradient is no plain derivative")

    def by_weight(δ: Tensor, J: Tensor, layout: Layout) -> None:
        rows = layout.first(δ, 1).unsqueeze(2).flatten(2, -2).transpose(0, 1)
        where = layout.first(input, 0).reshape(layout.N, 1, -1, 1).expand(rows.shape)
        if padding_idx is not None:
            rows = rows.masked_fill(where == padding_idx % len(weight), 0)
        J.zero_().scatter_add_(2, where, rows)

    return Use(input.dim(), [input], (weight, by_weight))
