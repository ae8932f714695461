"""A network with a function of one's own in the middle, and such functions: in place, by value, into columns."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Made = tuple[nn.Module, Tensor]
X4, X343, INDEX = torch.randn(5, 4), torch.randn(3, 4, 3), torch.arange(15).reshape(5, 3) % 7


class Written(nn.Module):
    """Linear, what `middle` makes of it, Linear; `more` are modules and buffers that it can use."""

    def __init__(self, middle: Callable[[Written, Tensor], Tensor], width: int = 6, **more: nn.Module | Tensor) -> None:
        super().__init__()
        self.a, self.b, self.middle = nn.Linear(4, 6), nn.Linear(width, 2), middle
        for name, each in more.items():
            self.add_module(name, each) if isinstance(each, nn.Module) else self.register_buffer(name, each)

    def forward(self, X: Tensor) -> Tensor:
        return self.b(self.middle(self, self.a(X)))


def written(middle: Callable[[Written, Tensor], Tensor], width: int = 6, **more: nn.Module | Tensor) -> Made:
    torch.manual_seed(0)
    return Written(middle, width, **more), X4


def sequential(*layers: nn.Module, X: Tensor = X4) -> Made:
    torch.manual_seed(0)
    return nn.Sequential(*layers).eval(), X


def activated(*, inplace: bool) -> Made:
    return sequential(nn.Linear(4, 6), nn.ReLU(inplace=inplace), nn.Linear(6, 2))


def added_in_place(model: Written, h: Tensor) -> Tensor:
    h += 1
    return torch.tanh(h)


def on_tokens(*last: nn.Module) -> Made:
    return sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2), *last, X=X343)


def convolved(*last: nn.Module) -> Made:
    return sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), *last, X=torch.randn(3, 1, 4, 4))


def by_boolean(model: Written, h: Tensor) -> Tensor:
    h = h.clone()
    h[h < 0] = 0
    return h


def into_columns(model: Written, h: Tensor) -> Tensor:
    made = torch.zeros(len(h), 6)
    made[:, torch.arange(6)] = h
    return torch.tanh(made)


def into_own_columns(model: Written, h: Tensor) -> Tensor:
    made = torch.zeros_like(h)
    made[:, torch.arange(6)] = h
    return torch.tanh(made)


def slice_by_value(model: Written, h: Tensor) -> Tensor:
    return torch.stack([row[: int(6 - 0 * row[0])] for row in h])


def by_item(model: Written, h: Tensor) -> Tensor:
    return h if h.abs().sum().item() > 1 else 2 * h


def by_where(model: Written, h: Tensor) -> Tensor:
    return torch.where(h.abs().sum(1, keepdim=True) > 1, h, 2 * h)


def cut_by_tensor(model: Written, h: Tensor) -> Tensor:
    one, other = torch.tensor_split(h, torch.tensor([2]), dim=1)
    return torch.cat([one, other.tanh()], dim=1)


def cut_by_numbers(model: Written, h: Tensor) -> Tensor:
    return torch.cat([h[:, :2], h[:, 2:].tanh()], dim=1)


def counted(model: Written, h: Tensor) -> Tensor:
    if model.training:
        model.count += 1
    return h.tanh()


def into_shared(model: Written, h: Tensor) -> Tensor:
    model.seen.add_(h.detach().mean(0))
    return h.tanh()


def into_zeros(model: Written, h: Tensor) -> Tensor:
    out = torch.zeros(h.shape)
    out[:, :3] = h[:, :3]
    return out


def into_zeros_like(model: Written, h: Tensor) -> Tensor:
    out = torch.zeros_like(h)
    out[:, :3] = h[:, :3]
    return out


def copied_into_buffer(model: Written, h: Tensor) -> Tensor:
    model.seen.copy_(h.detach().mean(0))
    return h.tanh()


def by_function(layer: nn.Linear, rows: Tensor) -> Tensor:
    return nn.functional.linear(rows, layer.weight, layer.bias)


def by_sparse_matrix(model: Written, h: Tensor) -> Tensor:
    places = torch.arange(6).expand(2, 6)
    return (torch.sparse_coo_tensor(places, model.a.bias, (6, 6), check_invariants=True) @ h.t()).t()


def by_dense_matrix(model: Written, h: Tensor) -> Tensor:
    places = torch.arange(6)
    return h @ torch.zeros(6, 6).index_put((places, places), model.a.bias)
