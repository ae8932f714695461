"""Small models of many kinds, from a grammar: body × activation × norm × head × initial values × dtype."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Made:
    """A model and a batch, and of which kind."""

    kind: str
    model: nn.Module
    X: Tensor


class Of(nn.Module):
    """Children by name, and a function of them and the input."""

    def __init__(self, function: Callable[[Any, Tensor], Tensor], **children: nn.Module | nn.Parameter) -> None:
        super().__init__()
        for name, child in children.items():
            setattr(self, name, child)
        self._function = function

    def forward(self, X: Tensor) -> Tensor:
        """What the function makes of them."""
        return self._function(self, X)


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    each.__name__: each
    for each in (
        nn.ReLU,
        nn.GELU,
        nn.SiLU,
        nn.PReLU,
        nn.Tanh,
        nn.Sigmoid,
        nn.ELU,
        nn.Softplus,
        nn.Mish,
        nn.LeakyReLU,
        nn.Hardswish,
        nn.Hardtanh,
        nn.Softsign,
        nn.LogSigmoid,
    )
}
NORMS = ("none", "LayerNorm", "GroupNorm", "RMSNorm", "BatchNorm", "weight_norm", "float32 LayerNorm")
POOLS = ("amax", "max", "mean", "logsumexp", "norm", "sort", "flatten", "softmax", "amin - mean", "topk")
INITS = ("usual", "zero head", "large", "small", "whole numbers", "orthogonal")
DTYPES = ("float32", "float32", "float64", "bfloat16", "float16", "autocast")


def norm_of(name: str, width: int) -> nn.Module:
    """On a last axis of this width."""
    match name:
        case "LayerNorm":
            return nn.LayerNorm(width)
        case "GroupNorm":
            return Of(lambda m, x: m.norm(x.transpose(1, -1)).transpose(1, -1), norm=nn.GroupNorm(2, width))
        case "RMSNorm":
            return nn.RMSNorm(width)
        case "BatchNorm":
            norm = nn.BatchNorm1d(width)
            nn.init.uniform_(norm.running_mean, -1, 1)
            nn.init.uniform_(norm.running_var, 0.5, 2)
            return Of(lambda m, x: m.norm(x.transpose(1, -1)).transpose(1, -1), norm=norm)
        case "float32 LayerNorm":
            return Of(
                lambda m, x: functional.layer_norm(
                    x.float(), (x.shape[-1],), m.norm.weight.float(), m.norm.bias.float()
                ).to(x.dtype),
                norm=nn.LayerNorm(width),
            )
        case _:
            return nn.Identity()


def pool(name: str, h: Tensor) -> Tensor:
    """From `(N, length, width)` to `(N, features)`."""
    match name:
        case "amax":
            return h.amax(1)
        case "max":
            return h.max(1)[0]
        case "mean":
            return h.mean(1)
        case "logsumexp":
            return h.logsumexp(1)
        case "norm":
            return torch.linalg.vector_norm(h, ord=float("inf"), dim=1)
        case "sort":
            return h.sort(1)[0].flatten(1)
        case "softmax":
            return (h.softmax(1) * h).sum(1)
        case "amin - mean":
            return h.amin(1) - h.mean(1)
        case "topk":
            return h.topk(2, dim=1)[0].flatten(1)
        case _:
            return h.flatten(1)


def _recurrent(cell: type[nn.Module]) -> Callable[[int, nn.Module], nn.Module]:
    return lambda width, _: Of(lambda m, x: m.cell(x)[0], cell=cell(width, width, batch_first=True))  # type: ignore[call-arg]


def _attention(width: int, _: nn.Module) -> nn.Module:
    return Of(
        lambda m, x: x + m.out(functional.scaled_dot_product_attention(m.q(x), m.k(x), m.v(x), is_causal=True)),
        q=nn.Linear(width, width),
        k=nn.Linear(width, width),
        v=nn.Linear(width, width),
        out=nn.Linear(width, width),
    )


def _multihead(width: int, _: nn.Module) -> nn.Module:
    attention = nn.MultiheadAttention(width, 2, batch_first=True)
    return Of(lambda m, x: m.attention(x, x, x, need_weights=False)[0] + x, attention=attention)


def _gated(width: int, activation: nn.Module) -> nn.Module:
    return Of(
        lambda m, x: m.c(m.f(m.a(x)) * m.b(x)),
        a=nn.Linear(width, width),
        b=nn.Linear(width, width),
        c=nn.Linear(width, width),
        f=activation,
    )


def _residual(width: int, activation: nn.Module) -> nn.Module:
    def function(m: Any, x: Tensor) -> Tensor:
        h = m.b(m.f(m.a(x)))
        h += x
        return h

    return Of(function, a=nn.Linear(width, width), b=nn.Linear(width, width), f=activation)


def _convolution(width: int, activation: nn.Module) -> nn.Module:
    return Of(
        lambda m, x: m.f(m.conv(x.transpose(1, 2))).transpose(1, 2),
        conv=nn.Conv1d(width, width, 3, padding=1),
        f=activation,
    )


def _images(width: int, activation: nn.Module) -> nn.Module:
    return Of(
        lambda m, x: m.f(m.conv(x.transpose(1, 2).unsqueeze(2))).flatten(2).transpose(1, 2),
        conv=nn.Conv2d(width, width, (1, 3), padding=(0, 1)),
        f=activation,
    )


def _transposed(width: int, activation: nn.Module) -> nn.Module:
    return Of(
        lambda m, x: m.f(m.conv(x.transpose(1, 2))).transpose(1, 2),
        conv=nn.ConvTranspose1d(width, width, 2, stride=2),
        f=activation,
    )


def _free(width: int, activation: nn.Module) -> nn.Module:
    return Of(
        lambda m, x: m.f(torch.einsum("nlw,wv->nlv", x, m.W) * torch.exp(m.s) + x * m.a.cos()),
        W=nn.Parameter(torch.randn(width, width) / width**0.5),
        s=nn.Parameter(torch.randn(width) / 2),
        a=nn.Parameter(torch.randn(())),
        f=activation,
    )


def _differences(width: int, activation: nn.Module) -> nn.Module:
    def function(m: Any, x: Tensor) -> Tensor:
        z = m.a(x)
        z = z - z.mean(-1, keepdim=True)
        return m.f(z / (1 + z.square().sum(-1, keepdim=True)).sqrt())

    return Of(function, a=nn.Linear(width, width), f=activation)


def _spectrum(width: int, activation: nn.Module) -> nn.Module:
    return Of(
        lambda m, x: m.f(m.a(torch.fft.rfft(x.float() if x.dtype != torch.float64 else x, dim=1).abs().to(x.dtype))),
        a=nn.Linear(width, width),
        f=activation,
    )


def _rotated(width: int, activation: nn.Module) -> nn.Module:
    """Positions, angles and a table made on the way, as rotary embeddings do."""

    def function(m: Any, x: Tensor) -> Tensor:
        position = torch.arange(x.shape[1], device=x.device).to(x.dtype)[:, None]
        angle = position / 10 ** torch.linspace(0, 1, x.shape[2] // 2, dtype=x.dtype)
        q = m.a(x)
        one, two = q.chunk(2, -1)
        turned = [one * angle.cos() - two * angle.sin(), one * angle.sin() + two * angle.cos()]
        return m.f(torch.cat(turned, -1)) + q

    return Of(function, a=nn.Linear(width, width), f=activation)


def _masked(width: int, activation: nn.Module) -> nn.Module:
    def function(m: Any, x: Tensor) -> Tensor:
        scores = m.a(x) @ x.transpose(1, 2)
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        return m.f(scores.masked_fill(mask, float("-inf")).softmax(-1) @ x)

    return Of(function, a=nn.Linear(width, width), f=activation)


BODIES: dict[str, Callable[[int, nn.Module], nn.Module]] = {
    "perceptron": lambda width, f: nn.Sequential(nn.Linear(width, width), f, nn.Linear(width, width)),
    "residual in place": _residual,
    "gated": _gated,
    "attention": _attention,
    "MultiheadAttention": _multihead,
    "convolution": _convolution,
    "images": _images,
    "transposed convolution": _transposed,
    "LSTM": _recurrent(nn.LSTM),
    "GRU": _recurrent(nn.GRU),
    "RNN": _recurrent(nn.RNN),
    "free parameters": _free,
    "differences": _differences,
    "spectrum": _spectrum,
    "rotary": _rotated,
    "masked": _masked,
}
INPUTS = ("normal", "normal", "indices", "indices among floats", "whole numbers", "zeros in part", "far from zero")


def _kinds() -> tuple[tuple[str, ...], ...]:
    """Every body with every activation but one in turn, all else in steps that share no factor."""
    found, names = [], tuple(ACTIVATIONS)
    for i in range(8 * len(BODIES)):
        body = tuple(BODIES)[i % len(BODIES)]
        j = i // len(BODIES) + 3 * i
        found.append(
            (
                body,
                names[j % len(names)],
                NORMS[(j + i // 5) % len(NORMS)],
                POOLS[(i * 3 + i // 16) % len(POOLS)],
                INITS[(i + i // 16) % len(INITS)],
                DTYPES[(i + i // 7) % len(DTYPES)],
                INPUTS[(i + i // 11) % len(INPUTS)],
            )
        )
    return tuple(dict.fromkeys(found))


KINDS = _kinds()


def made(kind: tuple[str, ...], seed: int) -> Made:
    """The model and the batch of this kind, of random numbers and sizes, the same for the same seed."""
    body, activation, norm, pooling, init, dtype, inputs = kind
    torch.manual_seed(1000 * KINDS.index(kind) + seed)
    width, length, N, C = 4 + 2 * (seed % 4), 4 + seed % 3, 1 + seed % 4, 1 + (seed // 2) % 4
    inner = BODIES[body](width, ACTIVATIONS[activation]())
    if norm == "weight_norm":
        for module in list(inner.modules()):
            if isinstance(module, nn.Linear):
                nn.utils.parametrizations.weight_norm(module)
    children = {"start": _start(inputs, width), "body": inner, "norm": norm_of(norm, width)}
    with torch.no_grad():
        X = _batch(inputs, N, length, width)
        features = Of(lambda m, x: pool(pooling, m.norm(m.body(m.start(x)))), **children).eval()(X).shape[1]
    head = nn.Linear(features, C)
    model = Of(_forward(pooling, dtype == "autocast"), **children, head=head).eval()
    _initialise(model, head, init)
    if dtype != "autocast":
        kind_of = getattr(torch, dtype)
        model, X = model.to(kind_of), X.to(kind_of) if X.is_floating_point() else X
    return Made(" · ".join(kind), model, X)


def _forward(pooling: str, is_autocast: bool) -> Callable[[Any, Tensor], Tensor]:
    def function(m: Any, x: Tensor) -> Tensor:
        if not is_autocast:
            return m.head(pool(pooling, m.norm(m.body(m.start(x)))))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return m.head(pool(pooling, m.norm(m.body(m.start(x)))))

    return function


def _start(inputs: str, width: int) -> nn.Module:
    match inputs:
        case "indices":
            return nn.Embedding(7, width)
        case "indices among floats":
            return Of(
                lambda m, x: torch.cat([m.embedding(x[..., 0].long()), m.numbers(x[..., 1:])], -1),
                embedding=nn.Embedding(7, width // 2),
                numbers=nn.Linear(width - 1, width - width // 2),
            )
        case _:
            return nn.Linear(width, width)


def _batch(inputs: str, N: int, length: int, width: int) -> Tensor:
    X = torch.randn(N, length, width)
    match inputs:
        case "indices":
            return torch.randint(0, 7, (N, length))
        case "indices among floats":
            return torch.cat([torch.randint(0, 7, (N, length, 1)).float(), X[..., 1:]], -1)
        case "whole numbers":
            return (3 * X).round()
        case "zeros in part":
            return X.relu()
        case "far from zero":
            return X + 20
        case _:
            return X


def _initialise(model: nn.Module, head: nn.Linear, init: str) -> None:
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() > 1 and p is not head.weight:
                match init:
                    case "large":
                        p.mul_(4)
                    case "small":
                        p.mul_(1e-3)
                    case "whole numbers":
                        p.copy_((4 * p).round())
                    case "orthogonal":
                        nn.init.orthogonal_(p)
        if init == "zero head":
            head.weight.zero_()
