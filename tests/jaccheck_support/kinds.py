"""Small right models of many kinds, each made from a seed: nobody may find fault with torch's autograd on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from jaccheck_support.people_models import Lambda, batch, indices

Made = tuple[nn.Module, Tensor]
KINDS: dict[str, Callable[[int], Made]] = {}


def kind(make: Callable[[int], Made]) -> Callable[[int], Made]:
    """Puts a function from a seed to `(model, X)` in `KINDS`, under its name."""

    def seeded(seed: int) -> Made:
        torch.manual_seed(seed)
        return make(seed)

    KINDS[make.__name__] = seeded
    return seeded


def _between(name: str, function: Callable[[Tensor], Tensor], width: int = 6) -> None:
    """A model with this function between two Linear layers."""

    def make(seed: int) -> Made:
        model = Lambda(lambda m, x: m.b(function(m.a(x))), a=nn.Linear(4, width), b=nn.Linear(width, 3))
        return model, batch(5, 4, seed=seed)

    make.__name__ = name
    kind(make)


for _name in (
    *("relu", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "softsign", "tanhshrink"),
    *("hardtanh", "hardswish", "hardsigmoid", "relu6", "softshrink", "hardshrink", "logsigmoid", "rrelu"),
):
    _between(_name, getattr(functional, _name))

for _name, _function in {
    "sin": torch.sin,
    "square": torch.square,
    "cube": lambda h: h**3,
    "exp": torch.exp,
    "log1p": lambda h: torch.log1p(h.abs()),
    "sqrt": lambda h: torch.sqrt(h.square() + 0.1),
    "root at zero": lambda h: h.abs().sqrt(),
    "absolute": torch.abs,
    "reciprocal": lambda h: 1 / (2 + h.square()),
    "atan": torch.atan,
    "erf": torch.erf,
    "lgamma": lambda h: torch.lgamma(1 + h.abs()),
    "digamma": lambda h: torch.digamma(1 + h.abs()),
    "bessel": torch.special.i0,
    "xlogy": lambda h: torch.xlogy(h.square(), h.square()),
    "sinc": torch.sinc,
    "erfinv": lambda h: torch.erfinv(0.9 * torch.tanh(h)),
    "softmax": lambda h: h.softmax(-1),
    "log_softmax": lambda h: h.log_softmax(-1),
    "logsumexp": lambda h: h.logsumexp(-1, keepdim=True).expand(-1, 6),
    "normalize": lambda h: functional.normalize(h, dim=-1),
    "glu": lambda h: functional.glu(torch.cat([h, h.flip(-1)], -1)),
    "maximum": lambda h: torch.maximum(h, h.flip(-1)),
    "amax": lambda h: h - h.amax(-1, keepdim=True),
    "topk": lambda h: torch.cat([h.topk(3)[0], h.topk(3, largest=False)[0]], -1),
    "sort": lambda h: h.sort(-1)[0],
    "median": lambda h: h - h.median(-1, keepdim=True)[0],
    "cumsum": lambda h: h.cumsum(-1),
    "cumprod": lambda h: (1 + 0.1 * h).cumprod(-1),
    "logcumsumexp": lambda h: h.logcumsumexp(-1),
    "where": lambda h: torch.where(h > 0.3, h, h.sin()),
    "clamp": lambda h: h.clamp(-0.2, 0.4),
    "norm": lambda h: h / (1 + h.norm(dim=-1, keepdim=True)),
    "infinite norm": lambda h: h / (1 + h.norm(float("inf"), dim=-1, keepdim=True)),
    "variance": lambda h: (h - h.mean(-1, keepdim=True)) / (h.std(-1, keepdim=True) + 1e-3),
    "fft": lambda h: torch.fft.rfft(h, n=10).abs(),
    "complex": lambda h: torch.view_as_real(torch.exp(torch.complex(h, h.flip(-1)))).sum(-1),
    "determinant": lambda h: torch.linalg.det(torch.eye(6).to(h) + h[:, :, None] * h[:, None, :] / 4)[:, None].expand(
        -1, 6
    ),
    "solve": lambda h: torch.linalg.solve(3 * torch.eye(6).to(h) + h[:, :, None] * h.sin()[:, None, :] / 4, h),
    # Not of a small matrix, of which torch computes too few digits alone: pytorch/pytorch#196592.
    "matrix_exp": lambda h: torch.linalg.matrix_exp(torch.eye(6).to(h) + h[:, :, None] * h.sin()[:, None, :] / 9).sum(
        -1
    ),
    "cholesky": lambda h: torch.linalg.cholesky(torch.eye(6).to(h) + h[:, :, None] * h[:, None, :]).sum(-1),
    "eigvalsh": lambda h: torch.linalg.eigvalsh(torch.diag_embed(h) + h[:, :, None] * h[:, None, :]),
    "cdist": lambda h: torch.cdist(h.view(-1, 3, 2), h.view(-1, 3, 2).flip(1) + 1).flatten(1)[:, :6],
    "periodic": lambda h: h - h.floor(),
    "remainder": lambda h: torch.remainder(3 * h, 1.0),
    "subtracted maximum": lambda h: (
        torch.exp(h - h.amax(-1, keepdim=True).detach())
        / torch.exp(h - h.amax(-1, keepdim=True).detach()).sum(-1, keepdim=True)
    ),
    "mixture": lambda h: (h.softmax(-1) * h.sin()).sum(-1, keepdim=True) * h,
    "argmax route": lambda h: torch.where(h.argmax(-1, keepdim=True) % 2 == 0, h, -h),
    "loop": lambda h: _iterated(h),
    "gather": lambda h: h.gather(-1, h.argsort(-1)),
    "scatter": lambda h: torch.zeros_like(h).scatter_add(-1, h.argsort(-1) // 2, h),
    "einsum": lambda h: torch.einsum("ni,nj,nj->ni", h, h.tanh(), h.sin()),
    "interpolate": lambda h: functional.interpolate(h[:, None], 6, mode="linear")[:, 0],
    "grid_sample": lambda h: (
        functional.grid_sample(
            torch.linspace(0, 1, 16).view(1, 1, 4, 4).to(h).expand(len(h), 1, 4, 4),
            h.view(-1, 1, 3, 2).tanh(),
            align_corners=False,
        )
        .flatten(1)
        .repeat(1, 2)
    ),
}.items():
    _between(_name, _function)


def _iterated(h: Tensor) -> Tensor:
    z = h
    for _ in range(20):
        z = torch.tanh(0.5 * z + h)
    return z


def _layer(name: str, make: Callable[[], list[nn.Module]], *shape: int, n: int = 4) -> None:
    def made(seed: int) -> Made:
        return nn.Sequential(*make()).eval(), batch(n, *shape, seed=seed)

    made.__name__ = name
    kind(made)


_layer("linear", lambda: [nn.Linear(4, 3)], 4)
_layer("deep relu", lambda: [m for _ in range(8) for m in (nn.Linear(16, 16), nn.ReLU())] + [nn.Linear(16, 2)], 16)
_layer("deep tanh", lambda: [m for _ in range(30) for m in (nn.Linear(16, 16), nn.Tanh())], 16)
_layer("conv", lambda: [nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3)], 2, 6, 6)
_layer("transposed conv", lambda: [nn.ConvTranspose1d(2, 3, 4), nn.GELU(), nn.Flatten(), nn.Linear(24, 2)], 2, 5)
_layer("pooling", lambda: [nn.Conv1d(2, 3, 3), nn.LPPool1d(2, 2), nn.AdaptiveAvgPool1d(2), nn.Flatten()], 2, 9)
_layer("batch norm", lambda: [nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2)], 4)
_layer("layer norm", lambda: [nn.Linear(4, 6), nn.LayerNorm(6), nn.PReLU(), nn.Linear(6, 2)], 4)
_layer("group norm", lambda: [nn.Conv1d(2, 4, 3), nn.GroupNorm(2, 4), nn.SiLU(), nn.Flatten()], 2, 6)
_layer("instance norm", lambda: [nn.Conv1d(2, 4, 3), nn.InstanceNorm1d(4, affine=True), nn.Flatten()], 2, 6)
_layer("local response", lambda: [nn.Conv1d(2, 4, 3), nn.LocalResponseNorm(2), nn.Flatten()], 2, 6)
_layer("bilinear", lambda: [Lambda(lambda m, x: m.b(x, x.sin()), b=nn.Bilinear(4, 4, 3))], 4)
_layer("embedding bag", lambda: [Lambda(lambda m, x: m.e(x.round().long().abs() % 5), e=nn.EmbeddingBag(5, 3))], 4)
_layer("lstm", lambda: [Lambda(lambda m, x: m.r(x)[0][:, -1], r=nn.LSTM(3, 4, batch_first=True))], 5, 3)
_layer("gru", lambda: [Lambda(lambda m, x: m.r(x)[0].flatten(1), r=nn.GRU(3, 4, 2, batch_first=True))], 4, 3)
_layer("attention", lambda: [nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.Flatten()], 4, 8)
_layer(
    "attention, math",
    lambda: [Lambda(lambda m, x: m.a(x, x, x)[0].flatten(1), a=nn.MultiheadAttention(8, 2, batch_first=True))],
    4,
    8,
)
_layer("zero head", lambda: [nn.Linear(4, 6), nn.ReLU(), _zeroed(nn.Linear(6, 3))], 4)
_layer("zero body", lambda: [_zeroed(nn.Linear(4, 6)), nn.ReLU(), nn.Linear(6, 3)], 4)
_layer("zero maximum", lambda: [_zeroed(nn.Linear(4, 6)), nn.Unflatten(1, (1, 6)), nn.MaxPool1d(2), nn.Flatten()], 4)
_layer("one", lambda: [nn.Linear(1, 1), nn.Sigmoid()], 1, n=1)
_layer("large numbers", lambda: [nn.Linear(4, 6), Lambda(lambda m, x: 1e6 * x), nn.Tanh(), nn.Linear(6, 2)], 4)
_layer("small numbers", lambda: [nn.Linear(4, 6), Lambda(lambda m, x: 1e-12 * x), nn.Linear(6, 2, bias=False)], 4)
_layer("dead", lambda: [nn.Linear(4, 6), Lambda(lambda m, x: x - 100), nn.ReLU(), nn.Linear(6, 2)], 4)
_layer("many outputs", lambda: [nn.Linear(4, 60), nn.Tanh(), nn.Linear(60, 100)], 4)
_layer("forces", lambda: [Lambda(_forces, e=nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)))], 3)
_layer(
    "in float32 within",
    lambda: [nn.Linear(4, 6), Lambda(lambda m, x: x.float().tanh().to(x.dtype)), nn.Linear(6, 2)],
    4,
)
_layer(
    "in bfloat16 within",
    lambda: [nn.Linear(4, 6), Lambda(lambda m, x: x.bfloat16().tanh().to(x.dtype)), nn.Linear(6, 2)],
    4,
)
_layer("chaotic", lambda: [nn.Linear(4, 6), Lambda(_chaotic), nn.Linear(6, 2)], 4)
_layer("rough", lambda: [nn.Linear(4, 6), Lambda(lambda m, x: x + 1e-3 * torch.sin(1e6 * x)), nn.Linear(6, 2)], 4)
_layer("steps", lambda: [nn.Linear(4, 6), Lambda(lambda m, x: x + (7 * x).floor()), nn.Linear(6, 2)], 4)
_layer("solved to a tolerance", lambda: [nn.Linear(4, 6), Lambda(_solved), nn.Linear(6, 2)], 4)


def _zeroed(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _forces(m: Any, x: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    return -torch.autograd.grad(m.e(x).sum(), x, create_graph=True)[0]


def _chaotic(m: Any, x: Tensor) -> Tensor:
    z = torch.sigmoid(x)
    for _ in range(40):
        z = 3.99 * z * (1 - z)
    return z


def _solved(m: Any, x: Tensor) -> Tensor:
    """Each number by its own number of steps, until it moves by less than 1e-4."""
    z, moving = x, torch.ones_like(x, dtype=torch.bool)
    for _ in range(60):
        new = torch.where(moving, torch.cos(0.5 * z + x), z)
        moving = moving & ((new - z).abs() > 1e-4)
        z = new
    return z


@kind
def embedding(seed: int) -> Made:
    """Whole numbers in."""
    return nn.Sequential(nn.Embedding(6, 4), nn.Flatten(), nn.Tanh(), nn.Linear(12, 2)), indices(6, 5, 3, seed=seed)


@kind
def tied(seed: int) -> Made:
    """One weight in two places."""
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.Tanh(), layer, nn.Tanh()), batch(5, 4, seed=seed)


@kind
def parametrized(seed: int) -> Made:
    """An orthogonal weight."""
    return nn.Sequential(nn.utils.parametrizations.orthogonal(nn.Linear(4, 4)), nn.Tanh()), batch(5, 4, seed=seed)


@kind
def weight_normed(seed: int) -> Made:
    """By a parametrization."""
    return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), nn.Tanh()), batch(5, 4, seed=seed)


@kind
def spectral_normed(seed: int) -> Made:
    """In evaluation mode."""
    model = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)), nn.Tanh())
    return model.eval(), batch(5, 4, seed=seed)


@kind
def zeros_in(seed: int) -> Made:
    """Padded inputs: kinks and ties at which every step crosses."""
    X = batch(4, 2, 6, 6, seed=seed) * (torch.arange(6) < 3)
    return nn.Sequential(nn.Conv2d(2, 4, 3, bias=False), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3)), X


@kind
def frozen(seed: int) -> Made:
    """One layer does not train."""
    model = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 2))
    return model.requires_grad_(False).append(nn.Linear(2, 2)), batch(5, 4, seed=seed)


@kind
def kinks(seed: int) -> Made:
    """Thousands of them: every step that is not tiny crosses some."""
    layers = [m for _ in range(6) for m in (nn.Linear(256, 256), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(256, 2)), batch(4, 256, seed=seed)
