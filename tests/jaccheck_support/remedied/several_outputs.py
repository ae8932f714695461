"""Modules that return more than the model uses, hooks that compute, and a forward pass by torch.vmap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from jaccheck_support.remedied.written import X4, X343, Made


class Heads(nn.Module):
    """Two layers upon one, and how their outputs are returned."""

    def __init__(self, returned: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.trunk, self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 2), nn.Linear(6, 3)
        self.returned = returned

    def forward(self, X: Tensor) -> Any:
        h = torch.tanh(self.trunk(X))
        return self.returned(self.first(h), self.second(h))


class First(nn.Module):
    """What comes of the first of several outputs."""

    def __init__(self, heads: nn.Module, key: int | str = 0) -> None:
        super().__init__()
        self.heads, self.key = heads, key

    def forward(self, X: Tensor) -> Tensor:
        first: Tensor = self.heads(X)[self.key]
        return torch.tanh(first)


def heads(how: type = tuple) -> Made:
    torch.manual_seed(0)
    if how is dict:
        return First(Heads(lambda a, b: {"a": a, "b": b}), "a"), X4
    return First(Heads(lambda a, b: how((a, b)))), X4


class LastState(nn.Module):
    """What a recurrent layer ends with: its last state, the last step of its outputs, or both."""

    def __init__(self, how: str, kind: str) -> None:
        super().__init__()
        self.rnn, self.out, self.how = getattr(nn, kind)(3, 2, batch_first=True), nn.Linear(2, 2), how

    def forward(self, X: Tensor) -> Tensor:
        outputs, state = self.rnn(X)
        last = state[0][0] if isinstance(state, tuple) else state[0]
        return self.out({"state": last, "outputs": outputs[:, -1], "both": last + outputs[:, 0]}[self.how])


def last_state(how: str, kind: str = "RNN") -> Made:
    torch.manual_seed(0)
    return LastState(how, kind), X343


class OneByOne(nn.Module):
    """Calls its layers on one sample, or on all of them."""

    def __init__(self, *, by_vmap: bool) -> None:
        super().__init__()
        self.net, self.by_vmap = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)), by_vmap

    def forward(self, X: Tensor) -> Tensor:
        made: Tensor = torch.vmap(self.net)(X) if self.by_vmap else self.net(X)
        return made


class StepsFirst(nn.Module):
    """Layers that get the steps along the first axis and the samples along the second, or the other way round."""

    def __init__(self, kind: str, *, is_first: bool) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3) if kind == "Linear" else getattr(nn, kind)(3, 3, batch_first=is_first)
        self.out, self.is_first = nn.Linear(3, 2), is_first

    def forward(self, X: Tensor) -> Tensor:
        h = self.layer(X if self.is_first else X.transpose(0, 1))
        h = torch.tanh(h[0] if isinstance(h, tuple) else h)
        return self.out((h if self.is_first else h.transpose(0, 1)).sum(1))


def turned(kind: str = "Linear", *, is_first: bool) -> Made:
    torch.manual_seed(0)
    return StepsFirst(kind, is_first=is_first), X343


def by_a_hook(made: Made) -> Made:
    """A Sequential with a tanh before its last layer, as a hook of that."""
    made[0][-1].register_forward_pre_hook(lambda module, given: (torch.tanh(given[0]),))  # type: ignore[index,operator]
    return made
