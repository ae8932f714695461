"""Modules that torch does not have, for cases whose networks are no chains; plain functional torch between modules.

Each names its submodules as `torch.nn.Sequential` does.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn


class Residual(nn.Sequential):
    """`x + layers(x)`."""

    def forward(self, x: Tensor) -> Tensor:
        """The input added to what the layers make of it."""
        layers: Tensor = super().forward(x)
        return x + layers


class Repeat(nn.Sequential):
    """The same layers, with the same parameters, several times in a row."""

    def __init__(self, *layers: nn.Module, times: int = 2) -> None:
        super().__init__(*layers)
        self.times = times

    def forward(self, x: Tensor) -> Tensor:
        """The output of the last time."""
        for _ in range(self.times):
            x = super().forward(x)
        return x


def tied(*layers: nn.Module, times: int = 2) -> nn.Sequential:
    """The same layers several times in a row, each time other modules that hold the same parameters."""
    first = nn.Sequential(*layers)
    parameters = {id(p): p for p in first.parameters()}
    return nn.Sequential(first, *(copy.deepcopy(first, {**parameters}) for _ in range(times - 1)))


class Parallel(nn.Module):
    """Every branch on the same input, their outputs added up or joined along axis 1."""

    def __init__(self, *branches: nn.Module, merge: str = "sum") -> None:
        super().__init__()
        for index, branch in enumerate(branches):
            self.add_module(str(index), branch)
        self.merge = merge

    def forward(self, x: Tensor) -> Tensor:
        """All outputs as one."""
        outputs = [branch(x) for branch in self.children()]
        if self.merge == "cat":
            return torch.cat(outputs, dim=1)
        total: Tensor = outputs[0]
        for output in outputs[1:]:
            total = total + output
        return total


class SelfAttention(nn.Module):
    """Attention of a batch of sequences `[N, steps, features]` on themselves."""

    def __init__(self, embed_dim: int, num_heads: int, device: str | None = None) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(embed_dim, num_heads, batch_first=True, device=device)

    def forward(self, x: Tensor) -> Tensor:
        """What is attended to, without the weights."""
        out: Tensor = self.attention(x, x, x, need_weights=False)[0]
        return out


class Recurrent(nn.Module):
    """A recurrent layer of a batch of sequences `[N, steps, features]`."""

    def __init__(self, cell: str, input_size: int, hidden_size: int, **options: Any) -> None:
        super().__init__()
        self.cell = getattr(nn, cell)(input_size, hidden_size, batch_first=True, **options)

    def forward(self, x: Tensor) -> Tensor:
        """The outputs at every step, without the state."""
        out: Tensor = self.cell(x)[0]
        return out


class Scale(nn.Module):
    """`factor * x`."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """The input times the factor."""
        return self.factor * x
