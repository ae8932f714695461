"""Models without a bound rule, small ones of the kinds that people have: each a model and a batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, silu

Made = tuple[nn.Module, Tensor]


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, X: Tensor) -> Tensor:
        return relu(X + self.second(relu(self.norm(self.first(X)))))


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, X: Tensor) -> Tensor:
        weights = torch.softmax(self.query(X) @ self.key(X).transpose(1, 2) / X.shape[-1] ** 0.5, -1)
        return weights @ self.value(X)


class _Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.attention, self.norms = _Attention(8), nn.ModuleList([nn.LayerNorm(8), nn.LayerNorm(8)])
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.head = nn.Linear(8, 3)

    def forward(self, X: Tensor) -> Tensor:
        a = self.embedding(X)
        a = a + self.attention(self.norms[0](a))
        return self.head((a + self.mlp(self.norms[1](a))).mean(1))


class _Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.out = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(8, 3)
        self.scale = nn.Parameter(torch.rand(8) + 0.5)

    def forward(self, X: Tensor) -> Tensor:
        return self.out(self.scale * silu(self.a(X)) * self.b(X))


class _Energy(nn.Module):
    """Differences of large numbers, and a quotient."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 7), nn.Linear(7, 2)

    def forward(self, X: Tensor) -> Tensor:
        z = self.first(X)
        z = z - z.mean(1, keepdim=True)
        return self.second(z / (1 + z.square().sum(1, keepdim=True)).sqrt())


def _images(channels: int = 2, N: int = 3) -> Tensor:
    return torch.randn(N, channels, 6, 6)


def _after_training(model: nn.Module) -> nn.Module:
    """The model with running statistics that are not those of a new one."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
    return model.eval()


ARCHITECTURES: dict[str, Callable[[], Made]] = {
    "convolutions": lambda: (
        nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(12, 3)),
        _images(),
    ),
    "max_pooling": lambda: (
        nn.Sequential(nn.Conv2d(2, 4, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)),
        _images(),
    ),
    "average_pooling": lambda: (
        nn.Sequential(nn.Conv2d(2, 4, 3), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 3)),
        _images(),
    ),
    "layer_norm": lambda: (
        nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3)),
        torch.randn(4, 6),
    ),
    "residual": lambda: (
        _after_training(nn.Sequential(nn.Conv2d(2, 4, 3), _Residual(), nn.Flatten(), nn.Linear(64, 3))),
        _images(),
    ),
    "group_norm": lambda: (
        nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.SiLU(), nn.Flatten(), nn.Linear(64, 2)),
        _images(),
    ),
    "transformer": lambda: (_Transformer(), torch.randint(0, 11, (4, 5))),
    "attention": lambda: (nn.Sequential(_Attention(5), nn.Flatten(), nn.Linear(20, 3)), torch.randn(3, 4, 5)),
    "gated": lambda: (_Gated(), torch.randn(5, 6)),
    "softmax": lambda: (
        nn.Sequential(nn.Linear(6, 8), nn.Softplus(), nn.Linear(8, 4), nn.LogSoftmax(1)),
        3 * torch.randn(4, 6),
    ),
    "energy": lambda: (_Energy(), 100 + torch.randn(4, 5)),
    "wide": lambda: (
        nn.Sequential(nn.Linear(2000, 3), nn.Mish(), nn.Linear(3, 2)),
        torch.rand(2, 2000),
    ),
}


def made(name: str, *, dtype: torch.dtype = torch.float32, seed: int = 0) -> Made:
    """The model and the batch of that name, of random numbers, the same for the same seed."""
    known = torch.get_rng_state()
    try:
        torch.manual_seed(seed)
        model, X = ARCHITECTURES[name]()
    finally:
        torch.set_rng_state(known)
    return model.to(dtype).eval(), X.to(dtype) if X.is_floating_point() else X
