"""Small random modules, grown from pieces of real architectures: what they compute is that of each sample alone.

`grown(seed)` gives a module, an input and the words of its making. A module is a stem that makes `[N, T, D]` of its
input, some blocks that keep this shape, and a head. The sizes N, T and D are small and often equal, so that nothing can
tell axes apart by their lengths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of a batch of sequences."""

    N: int
    T: int
    D: int


class Piece(nn.Module):
    """A function of a module with parameters of its own, by the names that the function uses."""

    def __init__(self, run: Callable[[Any, Tensor], Tensor], **parts: Any) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


class Chain(nn.Sequential):
    """One after the other, told apart from torch's."""


def free(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape) * 0.5)


def _positions(s: Sizes, r: Random) -> nn.Module:
    form = r.choice(["row", "no row", "embedding", "embedding of each", "sliced", "made"])
    if form == "embedding":
        return Piece(lambda m, x: x + m.e(torch.arange(x.shape[1])), e=nn.Embedding(s.T, s.D))
    if form == "embedding of each":
        return Piece(lambda m, x: x + m.e(torch.arange(x.shape[1]).expand(len(x), -1)), e=nn.Embedding(s.T, s.D))
    if form == "sliced":
        return Piece(lambda m, x: x + m.p[:, : x.shape[1]], p=free(1, s.T + 2, s.D))
    if form == "made":
        grid = torch.randn(s.T, 2).double()
        return Piece(lambda m, x: x + torch.tanh(m.l(grid)), l=nn.Linear(2, s.D))
    return Piece(lambda m, x: x + m.p, p=free(1, s.T, s.D) if form == "row" else free(s.T, s.D))


def _token(s: Sizes, r: Random) -> nn.Module:
    form = r.choice(["expand", "repeat", "zeros", "stack", "written"])

    def run(m: Any, x: Tensor) -> Tensor:
        N = len(x)
        if form == "expand":
            token = m.p.expand(N, -1, -1)
        elif form == "repeat":
            token = m.p.repeat(N, 1, 1)
        elif form == "zeros":
            token = m.p + torch.zeros(N, 1, 1).to(x)
        elif form == "stack":
            return torch.stack([x[:, t] if t else m.p[0].expand(N, -1) for t in range(x.shape[1])], 1)
        else:
            x = x.clone()
            x[:, 0] = m.p[0, 0]
            return x
        return torch.cat([token, x[:, 1:]], 1)

    return Piece(run, p=free(1, 1, s.D))


def _scale(s: Sizes, r: Random) -> nn.Module:
    run: Callable[[Any, Tensor], Tensor] = r.choice(
        [
            lambda m, x: x * m.p,
            lambda m, x: x.mul(m.p) - m.p,
            lambda m, x: m.p - x,
            lambda m, x: x / (1 + m.p**2),
            lambda m, x: torch.addcmul(x, m.p, x),
            lambda m, x: torch.lerp(x, x.flip(1), m.p.sigmoid()),
            lambda m, x: torch.where(x > 0, x, m.p * x),
            lambda m, x: torch.maximum(x, m.p),
            lambda m, x: x.clone().mul_(m.p).add_(m.p),
            lambda m, x: (x.abs() + 0.5) ** m.p,
            lambda m, x: x * m.p.detach() + m.p,
            lambda m, x: functional.softplus(m.p) * x,
        ]
    )
    return Piece(run, p=free(*r.choice([(), (1,), (s.D,), (1, 1, s.D), (s.T, 1), (s.T, s.D)])))


def _normalisation(s: Sizes, r: Random) -> nn.Module:
    return r.choice(
        [
            lambda: nn.LayerNorm(s.D),
            lambda: nn.RMSNorm(s.D),
            lambda: nn.LayerNorm((s.T, s.D), bias=False),
            lambda: Piece(lambda m, x: m.w * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 0.1), w=free(s.D)),
            lambda: _along_channels(nn.GroupNorm(1, s.D)),
            lambda: _along_channels(nn.InstanceNorm1d(s.D, affine=True)) if s.T > 1 else nn.Identity(),
            lambda: _along_channels(nn.BatchNorm1d(s.D)),
        ]
    )()


def _along_channels(layer: nn.Module) -> nn.Module:
    return Piece(lambda m, x: m.l(x.transpose(1, 2)).transpose(1, 2), l=layer)


def _attention(s: Sizes, r: Random) -> nn.Module:
    form, bias = r.choice(["own", "fused", "torch", "sequence first"]), r.choice(["none", "table", "free", "scale"])
    if form in ("torch", "sequence first"):
        attention = nn.MultiheadAttention(s.D, 1, batch_first=form == "torch", add_bias_kv=r.random() < 0.3)

        def run_torch(m: Any, x: Tensor) -> Tensor:
            x = x if form == "torch" else x.transpose(0, 1)
            h: Tensor = m.a(x, x, x, need_weights=r_weights)[0]
            return h if form == "torch" else h.transpose(0, 1)

        r_weights = r.random() < 0.5
        return Piece(run_torch, a=attention)
    steps = torch.arange(s.T)
    index = steps[:, None] - steps + s.T - 1

    def run(m: Any, x: Tensor) -> Tensor:
        q, k, v = m.qkv(x)[:, None].chunk(3, -1)
        mask = m.table[index.view(-1)].view(s.T, s.T) if bias == "table" else m.free if bias == "free" else None
        if form == "fused":
            return m.out(functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)[:, 0])
        logits = q @ k.mT
        logits = logits if mask is None else logits + mask
        return m.out((logits * m.scale.exp() if bias == "scale" else logits).softmax(-1) @ v)[:, 0]

    return Piece(
        run,
        qkv=nn.Linear(s.D, 3 * s.D),
        out=nn.Linear(s.D, s.D),
        table=free(2 * s.T - 1),
        free=free(1, 1, s.T, s.T),
        scale=free(1, 1),
    )


def _product(s: Sizes, r: Random) -> nn.Module:
    D, T = s.D, s.T
    return r.choice(
        [
            lambda: Piece(lambda m, x: x @ m.W, W=free(D, D)),
            lambda: Piece(lambda m, x: x @ m.A.T @ m.B.T, A=free(2, D), B=free(D, 2)),
            lambda: Piece(
                lambda m, x: functional.linear(x, m.W + m.B @ m.A, m.b),
                W=free(D, D),
                A=free(1, D),
                B=free(D, 1),
                b=free(D),
            ),
            lambda: Piece(lambda m, x: m.W @ x, W=free(T, T)),
            lambda: Piece(lambda m, x: torch.einsum("nth,hd->ntd", x, m.W), W=free(D, D)),
            lambda: Piece(lambda m, x: torch.einsum("...d,de->...e", x, m.W), W=free(D, D)),
            lambda: Piece(lambda m, x: torch.einsum("ntd,std->nsd", x, m.W), W=free(T, T, D)),
            lambda: Piece(lambda m, x: torch.addmm(m.b, x.reshape(-1, D), m.W).view(x.shape), b=free(D), W=free(D, D)),
            lambda: Piece(lambda m, x: torch.bmm(x.transpose(0, 1), m.W).transpose(0, 1), W=free(T, D, D)),
            lambda: Piece(lambda m, x: (x[:, None] @ m.W).sum(1), W=free(2, D, D)),
            lambda: Piece(lambda m, x: x * (x @ m.w)[..., None], w=free(D)),
            lambda: Piece(lambda m, x: torch.einsum("nd,edh->neh", x[:, 0], m.W).sum(1)[:, None] + x, W=free(2, D, D)),
            lambda: Piece(
                lambda m, x: functional.normalize(x, dim=-1) @ functional.normalize(m.W, dim=0), W=free(D, D)
            ),
            lambda: nn.Sequential(nn.Linear(D, D), nn.GELU(), nn.Linear(D, D)),
            lambda: Piece(lambda m, x: m.b(x, x.flip(1)), b=nn.Bilinear(D, D, D)),
            lambda: parametrizations.weight_norm(nn.Linear(D, D)),
            lambda: parametrizations.spectral_norm(nn.Linear(D, D)),
            lambda: Piece(lambda m, x: torch.tanh(m.l(x.flatten(0, 1))).view(x.shape), l=nn.Linear(D, D)),
            lambda: Piece(lambda m, x: m.l(x.transpose(0, 1)).transpose(0, 1), l=nn.Linear(D, D)),
            lambda: Piece(lambda m, x: m.l(x) + functional.linear(x, m.l.weight.t()), l=nn.Linear(D, D)),
        ]
    )()


def _convolution(s: Sizes, r: Random) -> nn.Module:
    groups = r.choice([1, s.D])
    return r.choice(
        [
            lambda: _along_channels(nn.Conv1d(s.D, s.D, 3, padding=1, groups=groups)),
            lambda: _along_channels(nn.ConvTranspose1d(s.D, s.D, 3, padding=1, groups=groups)),
            lambda: Piece(
                lambda m, x: m.l(torch.relu(m.c(x[:, None]))).mean(1),
                c=nn.Conv2d(1, 2, 1),
                l=nn.ConvTranspose2d(2, 2, 3, padding=1),
            ),
            lambda: Piece(
                lambda m, x: m.c(x.flatten(0, 1)[:, None])[:, 0].view(x.shape), c=nn.Conv1d(1, 1, 3, padding=1)
            ),
            lambda: _along_channels(
                Piece(
                    lambda m, x: functional.conv1d(x, m.W - m.W.mean((1, 2), keepdim=True), padding=1),
                    W=free(s.D, s.D, 3),
                )
            ),
        ]
    )()


def _recurrence(s: Sizes, r: Random) -> nn.Module:
    first = r.choice(["zeros", "learned", "broadcast", "new"])

    def run(m: Any, x: Tensor) -> Tensor:
        N = len(x)
        h = {
            "zeros": lambda: torch.zeros(N, s.D).to(x),
            "learned": lambda: m.h0.repeat(N, 1),
            "broadcast": lambda: m.h0,
            "new": lambda: x.new_zeros(N, s.D),
        }[first]()
        outputs = []
        for t in range(x.shape[1]):
            h = torch.tanh(m.x(x[:, t]) + m.h(h))
            outputs.append(h)
        return torch.stack(outputs, 1)

    return Piece(run, x=nn.Linear(s.D, s.D), h=nn.Linear(s.D, s.D), h0=free(1, s.D))


def _experts(s: Sizes, r: Random) -> nn.Module:
    def run(m: Any, x: Tensor) -> Tensor:
        gates = m.gate(x).softmax(-1)
        return sum(gates[..., e : e + 1] * torch.tanh(x @ m.W[e] + m.b[e]) for e in range(2))  # type: ignore[return-value]

    return Piece(run, gate=nn.Linear(s.D, 2), W=free(2, s.D, s.D), b=free(2, s.D))


def _activation(s: Sizes, r: Random) -> nn.Module:
    return r.choice([nn.Tanh, nn.GELU, nn.SiLU, nn.PReLU, lambda: _along_channels(nn.PReLU(s.D)), nn.Sigmoid])()


def _apart(s: Sizes, r: Random) -> nn.Module:
    """What must be refused or right: functions without a rule, constants that come of nowhere."""
    return r.choice(
        [
            lambda: Piece(lambda m, x: x + torch.cdist(x, m.p)[..., :1], p=free(3, s.D)),
            lambda: Piece(lambda m, x: x + torch.tensor(x.detach().tolist()).to(x) * m.p, p=free(s.D)),
            lambda: Piece(
                lambda m, x: x + m.l(torch.from_numpy(x.detach().numpy()[:, 0]))[:, None], l=nn.Linear(s.D, s.D)
            ),
            lambda: Piece(lambda m, x: torch.func.vmap(lambda row: row * m.p)(x), p=free(s.D)),
            lambda: Piece(lambda m, x: x + torch.kron(m.p, x.sum((1, 2))[:, None])[:, None], p=free(1, s.D)),
            lambda: Piece(lambda m, x: x + m.e(torch.argmax(x, -1) % 3), e=nn.Embedding(3, s.D)),
        ]
    )()


BLOCKS = (
    *(_positions, _token, _scale, _normalisation, _attention, _product, _product, _convolution),
    *(_recurrence, _experts, _activation, _apart),
)


def _residual(block: nn.Module) -> nn.Module:
    return Piece(lambda m, x: x + m.b(x), b=block)


def grown(seed: int) -> tuple[nn.Module, Tensor, str]:
    """A module in float64 and evaluation mode, an input for it, and what it is made of."""
    r = Random(seed)
    torch.manual_seed(seed)
    s = Sizes(r.choice([1, 2, 3, 3, 4, 5]), r.choice([2, 3, 4]), r.choice([2, 3, 4]))
    stem = r.choice(["tokens", "table", "features", "rows"])
    layers: list[nn.Module] = []
    if stem in ("tokens", "table"):
        X = torch.randint(0, 5, (s.N, s.T))
        table = nn.Embedding(5, s.D) if stem == "tokens" else Piece(lambda m, i: m.p[i], p=free(5, s.D))
        layers.append(table)
    elif stem == "features":
        X = torch.randn(s.N, s.T).double()
        layers.append(Piece(lambda m, x: x[..., None] * m.W + m.b, W=free(s.T, s.D), b=free(s.T, s.D)))
    else:
        X = torch.randn(s.N, s.T, s.D).double()
    words = [f"N={s.N} T={s.T} D={s.D}", stem]
    for make in r.choices(BLOCKS, k=r.randint(1, 4)):
        block = make(s, r)
        is_residual = r.random() < 0.4
        layers.append(_residual(block) if is_residual else block)
        words.append(("+" if is_residual else "") + make.__name__.strip("_"))
    head = r.choice(["mean", "first", "tied", "all"])
    words.append(head)
    if head == "tied" and stem == "tokens":
        layers.append(Piece(lambda m, x: functional.linear(x[:, -1], m.tied), tied=layers[0].weight))
    elif head == "all":
        layers.append(nn.Flatten())
    else:
        layers.append(Piece(lambda m, x: m.l(x.mean(1) if head == "mean" else x[:, 0]), l=nn.Linear(s.D, 2)))
    model = Chain(*layers)
    if not list(model.parameters()):
        model.append(nn.Linear(s.T * s.D, 2))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean, module.running_var = torch.randn(s.D), torch.rand(s.D) + 0.5
    if r.random() < 0.2:
        next(iter(model.parameters())).requires_grad_(len(list(model.parameters())) == 1)
    return model.double().eval(), X, " ".join(words)
