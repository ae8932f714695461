"""Embeddings, bags of them, one-hot vectors and sparse matrices."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from jaccheck_support.remedied.written import INDEX, X4, Made, Written, sequential, written


class OneHot(nn.Module):
    """A perceptron of indices, as rows of ones and zeros."""

    def __init__(self, *, is_by_rows: bool) -> None:
        super().__init__()
        self.a, self.b, self.is_by_rows = nn.Linear(7, 4), nn.Linear(4, 2), is_by_rows

    def forward(self, X: Tensor) -> Tensor:
        hot = torch.eye(7)[X] if self.is_by_rows else nn.functional.one_hot(X, 7).float()
        return self.b(torch.tanh(self.a(hot)))


def one_hot(*, is_by_rows: bool) -> Made:
    torch.manual_seed(0)
    return OneHot(is_by_rows=is_by_rows), INDEX[:, 0]


def embedded(*, sparse: bool) -> Made:
    return sequential(nn.Embedding(7, 4, sparse=sparse), nn.Flatten(), nn.Linear(12, 2), X=INDEX)


POOLED: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": lambda h: h.sum(1),
    "mean": lambda h: h.mean(1),
    "max": lambda h: h.max(1)[0],
}


class Bag(nn.Module):
    def __init__(self, layer: nn.Module, mode: str, *, is_bag: bool) -> None:
        super().__init__()
        self.layer, self.mode, self.is_bag = layer, mode, is_bag

    def forward(self, X: Tensor) -> Tensor:
        return self.layer(X) if self.is_bag else POOLED[self.mode](self.layer(X))


class Weighted(nn.Module):
    """A sum with weights, of a bag or by hand."""

    def __init__(self, *, is_bag: bool) -> None:
        super().__init__()
        self.layer = nn.EmbeddingBag(7, 4, mode="sum") if is_bag else nn.Embedding(7, 4)
        self.is_bag = is_bag

    def forward(self, X: Tensor) -> Tensor:
        weights = X.to(self.layer.weight.dtype) / 7
        if self.is_bag:
            return self.layer(X, per_sample_weights=weights)
        return (self.layer(X) * weights[..., None]).sum(1)


def weighted(*, is_bag: bool) -> Made:
    torch.manual_seed(0)
    return sequential(Weighted(is_bag=is_bag), nn.Linear(4, 2), X=INDEX)


def multiplied(*, is_sparse: bool) -> Made:
    """By a matrix of which few entries are parameters and the others are zero."""

    def middle(model: Written, h: Tensor) -> Tensor:
        i, j = torch.tensor([[0, 1, 2, 3, 4, 5], [1, 0, 3, 2, 5, 4]])
        values = model.b.weight[0]
        if is_sparse:
            A = torch.sparse_coo_tensor(torch.stack([i, j]), values, (6, 6), check_invariants=False)
            return torch.sparse.mm(A, h.T).T
        return (torch.zeros(6, 6).index_put((i, j), values) @ h.T).T

    return written(middle)


def bag(mode: str, *, is_bag: bool) -> Made:
    torch.manual_seed(0)
    layer = nn.EmbeddingBag(7, 4, mode=mode) if is_bag else nn.Embedding(7, 4)
    return sequential(Bag(layer, mode, is_bag=is_bag), nn.Linear(4, 2), X=INDEX)


def looked_up(look: Callable[[nn.Embedding, Tensor], Tensor]) -> Made:
    torch.manual_seed(0)
    return Written(lambda model, h: h + look(model.table, INDEX[: len(h), 0]), table=nn.Embedding(7, 6)), X4
