"""The loss of each sample alone, from outputs and row numbers; and a network of a case with a loss at its end."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

ELEMENTWISE = (
    *(nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss, nn.SoftMarginLoss, nn.PoissonNLLLoss),
    *(nn.BCELoss, nn.BCEWithLogitsLoss, nn.KLDivLoss, nn.HingeEmbeddingLoss),
)
"""Losses of torch of each output and its target; a mean divides by the number of outputs, "batchmean" by N."""

OF_CLASSES = (nn.CrossEntropyLoss, nn.NLLLoss)
"""A mean divides by the weights of the targets that are not ignored, or by their number where targets are shares."""


class OwnLosses:
    """What `PerSampleLoss` and networks of cases with a loss have in common: inputs, targets and loss by row number."""

    inputs: Tensor
    targets: Tensor
    loss: Any
    reduction: str
    """What the loss does with the losses of samples: "sum", "mean" or "none"."""

    def losses(self, f: Tensor, rows: Tensor) -> Tensor:
        """Each row's own loss, `(rows, 1)`, from outputs of the model for these rows."""
        loss, y = self.loss, self.targets[rows]
        if type(loss) in (*ELEMENTWISE, *OF_CLASSES):
            each: Tensor = with_reduction(loss, "none")(f, y)
            return each.reshape(len(rows), each[:1].numel() if len(rows) else 1).sum(1, keepdim=True)
        alone = [loss(f[n : n + 1], y[n : n + 1]).sum() for n in range(len(rows))]
        return torch.stack(alone)[:, None] if alone else f.new_zeros(0, 1)


class SequentialWithLoss(OwnLosses, nn.Sequential):
    """Layers, and the loss of each sample behind them; its input are row numbers."""

    def __init__(
        self,
        *layers: nn.Module,
        kind: str,
        reduction: str,
        inputs: Tensor,
        targets: Tensor,
        weight: Tensor | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*layers)
        self.kind, self.reduction, self.options = kind, reduction, options
        self.register_buffer("inputs", inputs)
        self.register_buffer("targets", targets)
        self.register_buffer("loss_weight", weight)

    @property
    def loss(self) -> Any:
        """The loss of torch, made anew; no module of this network, since it is no layer."""
        name = "pos_weight" if self.kind == "BCEWithLogitsLoss" else "weight"
        weight = {} if self.loss_weight is None else {name: self.loss_weight}
        return getattr(nn, self.kind)(reduction=self.reduction, **weight, **self.options)

    def forward(self, rows: Tensor) -> Tensor:
        """Each row's own loss, `(rows, 1)`."""
        return self.losses(super().forward(self.inputs[rows]), rows)


def with_reduction(loss: nn.Module, reduction: str) -> Any:
    """The same loss with another reduction; its weights are shared."""
    other: Any = copy.copy(loss)
    other.reduction = reduction
    return other
