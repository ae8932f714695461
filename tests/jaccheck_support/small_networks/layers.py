"""Layers and small networks whose weights reach the output in an unusual way."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize


class LoRA(nn.Linear):
    """A subclass with a forward of its own, the weight frozen or merged."""

    def __init__(self, *, merged: bool) -> None:
        super().__init__(4, 3)
        self.weight.requires_grad_(False)
        self.merged, self.A, self.B = merged, nn.Parameter(torch.randn(2, 4)), nn.Parameter(torch.randn(3, 2))

    def forward(self, x: Tensor) -> Tensor:
        if self.merged:
            return functional.linear(x, self.weight + 0.5 * self.B @ self.A, self.bias)
        return super().forward(x) + (x @ self.A.T @ self.B.T) * 0.5


class MixtureOfExperts(nn.Module):
    """Soft gates; the experts' weights in one tensor."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.gate, self.form = nn.Linear(3, 2), form
        self.W, self.b = nn.Parameter(torch.randn(2, 3, 4)), nn.Parameter(torch.randn(2, 4))

    def forward(self, x: Tensor) -> Tensor:
        gates = self.gate(x).softmax(-1)
        if self.form == "einsum":
            h = torch.einsum("nd,edh->neh", x, self.W) + self.b
        elif self.form == "matmul":
            h = (x @ self.W + self.b[:, None]).transpose(0, 1)
        elif self.form == "bmm":
            h = torch.bmm(x.expand(2, *x.shape), self.W).transpose(0, 1) + self.b
        else:
            h = torch.stack([torch.tanh(x @ self.W[e] + self.b[e]) for e in range(2)], 1)
        return torch.einsum("ne,neh->nh", gates, h)


class Scan(nn.Module):
    """A selective state space, as in Mamba, step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.delta, self.bc = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.A_log, self.D = nn.Parameter(torch.randn(4, 2)), nn.Parameter(torch.randn(4))
        self.conv = nn.Conv1d(4, 4, 2, groups=4, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.into(x)
        x = functional.silu(self.conv(x.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2))
        Δ, (B, C) = functional.softplus(self.delta(x)), self.bc(x).split(2, dim=-1)
        A = -torch.exp(self.A_log)
        dA, dB = torch.exp(torch.einsum("bld,dn->bldn", Δ, A)), torch.einsum("bld,bln,bld->bldn", Δ, B, x)
        h, ys = torch.zeros(len(x), 4, 2).to(x), []
        for t in range(x.shape[1]):
            h = dA[:, t] * h + dB[:, t]
            ys.append(torch.einsum("bdn,bn->bd", h, C[:, t]))
        return (torch.stack(ys, 1) + x * self.D).mean(1)


class Cell(nn.Module):
    """A recurrent cell by hand, from a first state that is learned, zeros, or zeros through a layer."""

    def __init__(self, first: str) -> None:
        super().__init__()
        self.x, self.h, self.first = nn.Linear(3, 4), nn.Linear(4, 4), first
        self.h0 = nn.Parameter(torch.randn(1, 4))

    def forward(self, x: Tensor) -> Tensor:
        N = len(x)
        h = self.h0.repeat(N, 1) if self.first == "learned" else torch.zeros(N, 4).to(x)
        h = self.h0 if self.first == "broadcast" else h
        outputs = torch.zeros(N, x.shape[1], 4).to(x)
        for t in range(x.shape[1]):
            h = torch.tanh(self.x(x[:, t]) + self.h(h))
            outputs[:, t] = h
        return outputs.sum(1)


class HyperPositions(nn.Module):
    """A bias made by a small network from constant coordinates, as in Swin v2."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3))
        self.out = nn.Linear(3, 2)
        self.register_buffer("grid", torch.randn(4, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.tanh(x + 16 * torch.sigmoid(self.mlp(self.grid))).sum(1))


class Prototypes(nn.Module):
    """Distances to learned points, and cosines with a temperature."""

    def __init__(self) -> None:
        super().__init__()
        self.points, self.temperature = nn.Parameter(torch.randn(4, 3)), nn.Parameter(torch.tensor(0.7))

    def forward(self, x: Tensor) -> Tensor:
        near = (x[:, None] - self.points).pow(2).sum(-1)
        cosines = functional.normalize(x, dim=-1) @ functional.normalize(self.points, dim=-1).t()
        return -near / self.temperature + cosines * self.temperature.exp()


class Bilinear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.b, self.out, self.instance = nn.Bilinear(3, 3, 2), nn.Linear(2, 2), nn.InstanceNorm1d(4, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.instance(x)
        return self.out(torch.tanh(self.b(x, x.flip(1)))).sum(1)


class Kept(nn.Module):
    """A module of someone else, called with other values for its parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.gain = nn.Linear(3, 2), nn.Parameter(torch.randn(2, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.func.functional_call(self.inner, {"weight": self.inner.weight * self.gain}, (x,))


class WrittenOver(nn.Module):
    """What layers return as a view of fresh memory is changed in place; a table takes another tensor's dtype."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.norm, self.tau = nn.Linear(3, 4), nn.InstanceNorm1d(4, affine=True), nn.Parameter(torch.zeros(4))
        self.positions = nn.Embedding(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.a(x).mul_(2).transpose(1, 2))
        h = functional.leaky_relu_(h).transpose(1, 2)
        h = torch.max(h, self.tau)
        bias = self.positions(torch.arange(x.shape[1])).to(h)
        return torch.einsum("ntd,td->nt", h, bias)


class Streams(nn.Module):
    """A scale expanded to several streams, as many as samples, which at first makes no difference."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.scale = nn.Parameter(torch.randn(1)), nn.Parameter(torch.randn(1))
        self.out = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        scales = torch.cat([self.one, self.scale.expand(4)])
        streams = self.out(x)[:, None] * scales[:, None]
        return streams[:, 0] + 0 * streams[:, 1:].sum(1)


class Symmetric(nn.Module):
    def forward(self, W: Tensor) -> Tensor:
        return W.triu() + W.triu(1).transpose(-1, -2)


def parametrized(change: Callable[[nn.Module], nn.Module]) -> nn.Module:
    return nn.Sequential(change(nn.Linear(3, 3)), nn.Tanh(), nn.Linear(3, 2))


def symmetric(layer: nn.Module) -> nn.Module:
    parametrize.register_parametrization(layer, "weight", Symmetric())
    return layer
