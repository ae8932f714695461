"""What every extension must leave on each parameter, from its definition: autograd, one sample at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from jaccheck.oracle import Array


@dataclass(slots=True)
class Sample:
    """One sample's own share in each loss, and the outputs `(1, C)` that it is a function of, each with its part."""

    parts: list[tuple[Tensor, Callable[[Tensor], Tensor], Tensor]] = field(default_factory=list)

    def add(self, f: Tensor, share: Callable[[Tensor], Tensor]) -> Tensor:
        """The share of one output, which is remembered."""
        own = share(f)
        self.parts.append((f, share, own))
        return own


OF_ONE_SAMPLE = ("sqrt_ggn_exact", "diag_ggn_exact_batch", "diag_h_batch")
"""Curvature of each sample's own share in the loss."""


@dataclass(frozen=True, slots=True)
class Derivatives:
    """Of every sample and of one parameter: gradients `(N, *θ.shape)`, and GGN matrices `(N, |θ|, |θ|)`."""

    gradients: Tensor
    ggn: Tensor
    hessian_diagonal: Tensor | None
    rounding: float = 0.0
    """How far the gradient of plain torch in float32 is off, measured where a BatchNorm of the batch cancels digits."""
    bend: float = 0.0
    """φ″/φ′² where a function φ is taken of the loss: its part in curvature is this times the gradient's square."""

    def defines(self, name: str) -> bool:
        """Whether it says what this savefield must hold: curvature of a function of the loss is not of one sample."""
        return not self.bend or name not in OF_ONE_SAMPLE

    def quantity(self, name: str, rows: list[int] | None) -> Array:
        """What the extension with this savefield must leave; of `sqrt_ggn_exact` the matrices of which it is a root.

        `rows` are the samples that it was restricted to.
        """
        g, ggn = (each if rows is None else each[rows] for each in (self.gradients, self.ggn))
        axes = list(range(1, g.dim()))
        diagonal = ggn.diagonal(dim1=1, dim2=2).reshape(g.shape)
        match name:
            case "grad_batch":
                found = g
            case "batch_l2":
                found = (g**2).sum(axes)
            case "sum_grad_squared":
                found = (g**2).sum(0)
            case "variance":
                found = (g**2).mean(0) - g.mean(0) ** 2
            case "sqrt_ggn_exact":
                found = ggn
            case "diag_ggn_exact":
                found = diagonal.sum(0) + self.bend * g.sum(0) ** 2
            case "diag_ggn_exact_batch":
                found = diagonal
            case "diag_h" | "diag_h_batch":
                assert self.hessian_diagonal is not None
                total = self.hessian_diagonal.sum(0) + self.bend * g.sum(0) ** 2
                found = total if name == "diag_h" else self.hessian_diagonal
            case _:
                raise ValueError(f"no definition of {name!r}")
        values: Array = found.detach().numpy()
        return values


def derivatives(
    leaves: dict[str, Tensor], samples: list[tuple[Tensor, Sample]], *, wants_hessian: bool
) -> dict[str, Derivatives]:
    """By name what every sample's loss gives, for each leaf that takes part in one; float64."""
    rows = [_of_sample(leaves, value, sample, wants_hessian=wants_hessian) for value, sample in samples]
    found = {}
    for name, leaf in leaves.items():
        own = [row[name] for row in rows]
        if all(g is None for g, _, _ in own):
            continue
        size = leaf.numel()
        found[name] = Derivatives(
            torch.stack([torch.zeros_like(leaf) if g is None else g for g, _, _ in own]),
            torch.stack([leaf.new_zeros(size, size) if g is None else ggn for g, ggn, _ in own]),
            torch.stack([torch.zeros_like(leaf) if h is None else h for _, _, h in own]) if wants_hessian else None,
        )
    return found


def _of_sample(
    leaves: dict[str, Tensor], value: Tensor, sample: Sample, *, wants_hessian: bool
) -> dict[str, tuple[Tensor | None, Tensor, Tensor | None]]:
    among = list(leaves.values())
    first = torch.autograd.grad(value, among, create_graph=wants_hessian, retain_graph=True, allow_unused=True)
    ggn = {name: leaf.new_zeros(leaf.numel(), leaf.numel()) for name, leaf in leaves.items()}
    for f, share, own in sample.parts:
        (factor,) = torch.autograd.grad(value, own, retain_graph=True)
        H = factor * _hessian(share, f)
        rows = [torch.autograd.grad(each, among, retain_graph=True, allow_unused=True) for each in f.flatten()]
        for name, J in zip(leaves, zip(*rows, strict=True), strict=True):
            if J[0] is not None:
                stacked = torch.stack([each.flatten() for each in J])
                ggn[name] += stacked.T @ H @ stacked
    found: dict[str, tuple[Tensor | None, Tensor, Tensor | None]] = {}
    for (name, leaf), g in zip(leaves.items(), first, strict=True):
        diagonal = _hessian_diagonal(g, leaf) if wants_hessian and g is not None else None
        found[name] = (None if g is None else g.detach(), ggn[name], diagonal)
    return found


def _hessian(share: Callable[[Tensor], Tensor], f: Tensor) -> Tensor:
    """Of a loss by the outputs `(1, C)`, as a matrix."""
    at = f.detach().requires_grad_()
    (g,) = torch.autograd.grad(share(at), at, create_graph=True)
    rows = [torch.autograd.grad(each, at, retain_graph=True)[0].flatten() for each in g.flatten()]
    return torch.stack(rows)


def _hessian_diagonal(g: Tensor, leaf: Tensor) -> Tensor:
    entries = []
    for position, each in enumerate(g.flatten()):
        if not each.requires_grad:
            entries.append(leaf.new_zeros(()))
            continue
        (second,) = torch.autograd.grad(each, leaf, retain_graph=True, allow_unused=True)
        entries.append(leaf.new_zeros(()) if second is None else second.flatten()[position])
    return torch.stack(entries).reshape(leaf.shape).detach()
