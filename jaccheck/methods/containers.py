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
    """A recurrent layer of a batch of sequences `[N, steps, features]`, perhaps with a constant state to begin with."""

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        *,
        has_state: bool = False,
        returns: str = "outputs",
        **options: Any,
    ) -> None:
        super().__init__()
        self.cell = getattr(nn, cell)(input_size, hidden_size, batch_first=True, **options)
        self.returns = returns
        count = self.cell.num_layers * (1 + self.cell.bidirectional)
        for name in ("hidden", "memory") if has_state and cell == "LSTM" else ("hidden",) if has_state else ():
            self.register_buffer(name, torch.zeros(count, hidden_size))

    def forward(self, x: Tensor) -> Tensor:
        """The outputs at every step, the last hidden state, or both."""
        began = [
            state.unsqueeze(1).expand(-1, len(x), -1).contiguous()
            for state in self._buffers.values()
            if state is not None
        ]
        out, end = self.cell(x, *([tuple(began) if len(began) > 1 else began[0]] if began else []))
        hidden: Tensor = (end[0] if isinstance(end, tuple) else end).transpose(0, 1)
        if self.returns == "state":
            return hidden.flatten(1)
        last = hidden[:, -1 - self.cell.bidirectional :].flatten(1)
        return torch.cat([out, last.unsqueeze(1)], dim=1) if self.returns == "both" else out


class AddEmbedding(nn.Module):
    """`x + embedding(indices)` of constant indices, one for each step, as an embedding of positions is added."""

    indices: Tensor

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        indices: tuple[int, ...],
        expand: bool = False,
        _weight: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_embeddings, embedding_dim, _weight=_weight)
        self.register_buffer("indices", torch.tensor(indices), persistent=False)
        self.expand = expand

    def forward(self, x: Tensor) -> Tensor:
        """The sum; the indices get an axis of samples first where that is asked for."""
        indices = self.indices.expand(len(x), -1) if self.expand else self.indices
        return x + self.embedding(indices)


class Scale(nn.Module):
    """`factor * x`."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """The input times the factor."""
        return self.factor * x


class Permute(nn.Module):
    """The axes of each sample in another order."""

    def __init__(self, order: tuple[int, ...]) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        """A view."""
        return x.permute(0, *self.order)


class Transpose(nn.Module):
    """Two axes of each sample in each other's place."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        """A view."""
        return x.transpose(self.first, self.second)


class Slice(nn.Module):
    """A slice along an axis."""

    def __init__(self, axis: int, start: int | None = None, stop: int | None = None, step: int = 1) -> None:
        super().__init__()
        self.index: Any = (*[slice(None)] * axis, slice(start, stop, step))

    def forward(self, x: Tensor) -> Tensor:
        """A view."""
        return x[self.index]


class Take(nn.Module):
    """Entries along an axis by their indices, of which any may stand more than once."""

    def __init__(self, axis: int, indices: tuple[int, ...]) -> None:
        super().__init__()
        self.index: Any = (*[slice(None)] * axis, list(indices))

    def forward(self, x: Tensor) -> Tensor:
        """A copy of these entries."""
        return x[self.index]


class Pad(nn.Module):
    """A value around the last axes."""

    def __init__(self, padding: tuple[int, ...], value: float = 0.0) -> None:
        super().__init__()
        self.padding, self.value = tuple(padding), value

    def forward(self, x: Tensor) -> Tensor:
        """What `torch.nn.functional.pad` makes of it."""
        return nn.functional.pad(x, self.padding, value=self.value)


class Own(nn.Module):
    """A class of the user's own that calls its layers one after the other."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        for index, layer in enumerate(layers):
            self.add_module(str(index), layer)

    def forward(self, x: Tensor) -> Tensor:
        """What the last layer makes of it."""
        for layer in self.children():
            x = layer(x)
        return x
