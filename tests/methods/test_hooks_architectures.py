"""`hooks` equals a loop of autograd on small modules as real architectures are made of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from jaccheck_support.hooks import HOOKS, expected_of
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize

from jaccheck.methods import Problem


class ViT(nn.Module):
    """A class token, an embedding of positions, blocks with LayerScale, of torch's own attention or by hand."""

    def __init__(self, *, by_hand: bool, expands: bool = True) -> None:
        super().__init__()
        self.patches, self.expands = nn.Conv2d(1, 6, 2, stride=2), expands
        self.cls, self.positions = nn.Parameter(torch.randn(1, 1, 6)), nn.Parameter(torch.randn(1, 5, 6))
        self.norm, self.head = nn.LayerNorm(6), nn.Linear(6, 2)
        self.attention = Attention(6, 2) if by_hand else nn.MultiheadAttention(6, 2, batch_first=True)
        self.gamma, self.by_hand = nn.Parameter(torch.randn(6)), by_hand

    def forward(self, x: Tensor) -> Tensor:
        h = self.patches(x).flatten(2).transpose(1, 2)
        cls = self.cls.expand(len(x), -1, -1) if self.expands else self.cls.repeat(len(x), 1, 1)
        h = torch.cat([cls, h], dim=1) + self.positions
        a = self.norm(h)
        a = self.attention(a) if self.by_hand else self.attention(a, a, a, need_weights=False)[0]
        return self.head((h + self.gamma * a)[:, 0])


class Attention(nn.Module):
    """With a bias from a table of relative positions, as in Swin."""

    def __init__(self, width: int, heads: int, *, fused: bool = False) -> None:
        super().__init__()
        self.qkv, self.out, self.heads, self.fused = nn.Linear(width, 3 * width), nn.Linear(width, width), heads, fused
        self.table = nn.Parameter(torch.randn(9, heads))
        self.scale = nn.Parameter(torch.randn(heads, 1, 1))
        positions = torch.arange(5)
        self.register_buffer("index", (positions[:, None] - positions + 4).view(-1))

    def forward(self, x: Tensor) -> Tensor:
        N, T, width = x.shape
        q, k, v = self.qkv(x).reshape(N, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        bias = self.table[self.index].view(5, 5, self.heads).permute(2, 0, 1)[:, :T, :T]
        if self.fused:
            a = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias.unsqueeze(0))
        else:
            scale = torch.clamp(self.scale, max=math.log(100.0)).exp()
            a = (q @ k.transpose(-2, -1) * scale + bias.unsqueeze(0)).softmax(-1) @ v
        return self.out(a.transpose(1, 2).reshape(N, T, width))


class Conv1D(nn.Module):
    """As in transformers."""

    def __init__(self, out: int, into: int) -> None:
        super().__init__()
        self.out, self.weight, self.bias = out, nn.Parameter(torch.randn(into, out)), nn.Parameter(torch.randn(out))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(*x.shape[:-1], self.out)


class GPT2(nn.Module):
    """Embeddings of tokens and positions, a causal block, a head tied to the embedding."""

    def __init__(self, *, row: bool = True) -> None:
        super().__init__()
        self.tokens, self.positions, self.row = nn.Embedding(7, 4), nn.Embedding(6, 4), row
        self.norm, self.qkv, self.out = nn.LayerNorm(4), Conv1D(12, 4), Conv1D(4, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, index: Tensor) -> Tensor:
        N, T = index.shape
        positions = torch.arange(T)[None] if self.row else torch.arange(T).expand(N, T)
        h = self.tokens(index) + self.positions(positions)
        q, k, v = self.qkv(self.norm(h)).split(4, dim=2)
        mask = torch.full((T, T), -torch.inf).triu(1)
        h = h + self.out((q @ k.transpose(1, 2) / 2 + mask).softmax(-1) @ v)
        return self.head(h[:, -1])


class RMSNorm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class Llama(nn.Module):
    """Rotary positions, grouped keys, SwiGLU."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(7, 8)
        self.one, self.two = RMSNorm(8), nn.RMSNorm(8)
        self.q, self.k, self.v = (nn.Linear(8, n, bias=False) for n in (8, 4, 4))
        self.gate, self.up, self.down = (nn.Linear(*n, bias=False) for n in ((8, 6), (8, 6), (6, 8)))
        self.head = nn.Linear(8, 3, bias=False)

    def forward(self, index: Tensor) -> Tensor:
        h = self.tokens(index)
        N, T, _ = h.shape
        angles = torch.outer(torch.arange(T).double(), torch.tensor([1.0, 0.1]).double())
        cos, sin = angles.cos().repeat(1, 2), angles.sin().repeat(1, 2)

        def turned(x: Tensor) -> Tensor:
            return x * cos + torch.cat([-x[..., 2:], x[..., :2]], -1) * sin

        x = self.one(h)
        q, k, v = (layer(x).view(N, T, -1, 4).transpose(1, 2) for layer in (self.q, self.k, self.v))
        k, v = turned(k).repeat_interleave(2, 1), v.repeat_interleave(2, 1)
        a = functional.scaled_dot_product_attention(turned(q), k, v, is_causal=True)
        h = h + a.transpose(1, 2).reshape(N, T, 8)
        x = self.two(h)
        return self.head(h + self.down(functional.silu(self.gate(x)) * self.up(x))).mean(1)


class ConvNeXt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.depth = nn.Conv2d(1, 4, 2, stride=2), nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.norm, self.one, self.two = nn.LayerNorm(4), nn.Linear(4, 8), nn.Linear(8, 4)
        self.gamma, self.beta, self.scale = (nn.Parameter(torch.randn(*n)) for n in ((1, 1, 1, 8), (8,), (4,)))
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        h = functional.gelu(self.one(self.norm(self.depth(x).permute(0, 2, 3, 1))))
        response = h.norm(p=2, dim=(1, 2), keepdim=True)
        h = self.gamma * (h * response / (response.mean(-1, keepdim=True) + 1e-6)) + self.beta + h
        x = x + (self.scale * self.two(h)).permute(0, 3, 1, 2)
        return self.head(x.mean([-2, -1]))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.inner = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 4, 2, stride=2)
        self.up = nn.ConvTranspose2d(4, 2, 2, stride=2)
        self.out, self.act = nn.Conv2d(4, 1, 1), nn.PReLU(2)

    def forward(self, x: Tensor) -> Tensor:
        one = self.act(self.down(x))
        return self.out(torch.cat([one, self.up(functional.max_pool2d(self.inner(one), 1))], 1))


class FTTransformer(nn.Module):
    """A vector and a bias for each numerical feature, a class token without an axis of samples."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(4, 3)), nn.Parameter(torch.randn(4, 3))
        self.cls, self.head = nn.Parameter(torch.randn(3)), nn.Linear(3, 2)
        self.layer = nn.TransformerEncoderLayer(3, 1, 5, batch_first=True, dropout=0.0)

    def forward(self, x: Tensor) -> Tensor:
        h = x[..., None] * self.weight + self.bias
        cls = self.cls.view(1, 1, -1).expand(len(h), -1, -1)
        return self.head(self.layer(torch.cat([h, cls], 1))[:, -1])


class Mixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.channels = nn.Linear(4, 4), nn.Linear(3, 3)
        self.free = nn.Parameter(torch.randn(4, 4))
        self.affine = nn.Parameter(torch.ones(1, 1, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.tokens(x.transpose(1, 2)).transpose(1, 2)
        x = torch.addcmul(x, self.affine, self.free @ x)
        return (x + functional.gelu(self.channels(x))).mean(1)


class SqueezeExcite(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.down, self.up = nn.Conv2d(1, 4, 2), nn.Conv2d(4, 2, 1), nn.Conv2d(2, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv(x)
        return (h * torch.sigmoid(self.up(torch.relu(self.down(h.mean((2, 3), keepdim=True)))))).mean((2, 3))


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


class StandardisedConv(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(self.weight, (1, 2, 3), keepdim=True)
        return self._conv_forward(x, (self.weight - mean) / (var + 1e-6).sqrt(), self.bias)


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


class Prompted(nn.Module):
    """Learned rows that are written, chosen by the input, and multiplied in place."""

    def __init__(self) -> None:
        super().__init__()
        self.prompt, self.table = nn.Parameter(torch.randn(2, 3)), nn.Parameter(torch.randn(7, 3))
        self.scale, self.mask_token = nn.Parameter(torch.randn(3)), nn.Parameter(torch.randn(3))

    def forward(self, index: Tensor) -> Tensor:
        h = self.table[index] + self.table.index_select(0, index[:, 0])[:, None]
        h = torch.where((index == 3)[..., None], self.mask_token, h).clone()
        h[:, 1:3] = self.prompt
        h *= self.scale
        h += self.scale
        return torch.tanh(h).sum(1)


class Prototypes(nn.Module):
    """Distances to learned points, and cosines with a temperature."""

    def __init__(self) -> None:
        super().__init__()
        self.points, self.temperature = nn.Parameter(torch.randn(4, 3)), nn.Parameter(torch.tensor(0.7))

    def forward(self, x: Tensor) -> Tensor:
        near = (x[:, None] - self.points).pow(2).sum(-1)
        cosines = functional.normalize(x, dim=-1) @ functional.normalize(self.points, dim=-1).t()
        return -near / self.temperature + cosines * self.temperature.exp()


class Video(nn.Module):
    """Frames as rows, one sample after the other, or one frame after the other."""

    def __init__(self, *, frames_first: bool) -> None:
        super().__init__()
        self.conv, self.norm, self.out, self.frames_first = (
            nn.Conv2d(1, 2, 2),
            nn.GroupNorm(2, 2),
            nn.Linear(2, 2),
            frames_first,
        )
        self.up, self.act = nn.ConvTranspose2d(2, 2, 2, groups=2), nn.PReLU(2)

    def forward(self, x: Tensor) -> Tensor:
        N, T = x.shape[:2]
        rows = x.transpose(0, 1).flatten(0, 1) if self.frames_first else x.flatten(0, 1)
        h = self.act(self.up(self.norm(torch.tanh(self.conv(rows))))).mean((2, 3))
        h = torch.tanh(self.out(h))
        return h.view(T, N, 2).sum(0) if self.frames_first else h.view(N, T, 2).sum(1)


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


def _parametrized(change: Callable[[nn.Module], nn.Module]) -> nn.Module:
    return nn.Sequential(change(nn.Linear(3, 3)), nn.Tanh(), nn.Linear(3, 2))


def _symmetric(layer: nn.Module) -> nn.Module:
    parametrize.register_parametrization(layer, "weight", Symmetric())
    return layer


def _encoder(**options: bool) -> nn.Module:
    layer = nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, **options)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


class SequenceFirst(nn.Module):
    """What lies along the second axis is a sample."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.inner(x.transpose(0, 1))
        return h.transpose(0, 1)


TOKENS = torch.randint(0, 7, (5, 4), generator=torch.Generator().manual_seed(0))


def numbers(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


ARCHITECTURES: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "ViT by hand": (lambda: ViT(by_hand=True), numbers(3, 1, 4, 4)),
    "ViT": (lambda: ViT(by_hand=False), numbers(3, 1, 4, 4)),
    "ViT of one sample": (lambda: ViT(by_hand=False), numbers(1, 1, 4, 4)),
    "ViT with as many samples as tokens": (lambda: ViT(by_hand=False, expands=False), numbers(5, 1, 4, 4)),
    "ViT with as many samples as heads": (lambda: ViT(by_hand=True), numbers(2, 1, 4, 4)),
    "fused attention with a bias": (lambda: Attention(4, 2, fused=True), numbers(3, 5, 4)),
    "fused attention, as many samples as heads": (lambda: Attention(4, 2, fused=True), numbers(2, 5, 4)),
    "GPT-2": (GPT2, TOKENS[:3]),
    "GPT-2 with positions for each sample": (lambda: GPT2(row=False), TOKENS),
    "GPT-2 with as many samples as steps": (GPT2, TOKENS[:4]),
    "Llama": (Llama, TOKENS),
    "ConvNeXt": (ConvNeXt, numbers(3, 1, 4, 4)),
    "UNet": (UNet, numbers(2, 1, 4, 4)),
    "FT-Transformer": (FTTransformer, numbers(3, 4)),
    "FT-Transformer with as many samples as features": (FTTransformer, numbers(4, 4)),
    "Mixer": (Mixer, numbers(3, 4, 3)),
    "Mixer with as many samples as tokens": (Mixer, numbers(4, 4, 3)),
    "squeeze and excite": (SqueezeExcite, numbers(3, 1, 4, 4)),
    "LoRA": (lambda: LoRA(merged=False), numbers(3, 4)),
    "LoRA merged": (lambda: LoRA(merged=True), numbers(3, 4)),
    "weight standardisation": (lambda: nn.Sequential(StandardisedConv(1, 2, 2), nn.Flatten()), numbers(3, 1, 3, 3)),
    "experts by einsum": (lambda: MixtureOfExperts("einsum"), numbers(3, 3)),
    "experts by matmul": (lambda: MixtureOfExperts("matmul"), numbers(2, 3)),
    "experts by bmm": (lambda: MixtureOfExperts("bmm"), numbers(4, 3)),
    "experts one by one": (lambda: MixtureOfExperts("each"), numbers(4, 3)),
    "state space": (Scan, numbers(3, 3, 3)),
    "state space, as many samples as states": (Scan, numbers(4, 4, 3)),
    "cell": (lambda: Cell("zeros"), numbers(3, 2, 3)),
    "cell with a learned state": (lambda: Cell("learned"), numbers(3, 3, 3)),
    "cell with a broadcast state": (lambda: Cell("broadcast"), numbers(4, 4, 3)),
    "positions of a network": (HyperPositions, numbers(3, 4, 3)),
    "positions of a network, as many as samples": (HyperPositions, numbers(4, 4, 3)),
    "prompts": (Prompted, TOKENS),
    "prototypes": (Prototypes, numbers(4, 3)),
    "video": (lambda: Video(frames_first=False), numbers(3, 2, 1, 3, 3)),
    "video, frames first": (lambda: Video(frames_first=True), numbers(3, 2, 1, 3, 3)),
    "bilinear": (Bilinear, numbers(3, 4, 3)),
    "changes in place": (WrittenOver, numbers(3, 4, 3)),
    "changes in place, as many samples as steps": (WrittenOver, numbers(4, 4, 3)),
    "streams": (Streams, numbers(4, 3)),
    "functional call": (Kept, numbers(4, 3)),
    "weight norm": (lambda: _parametrized(parametrizations.weight_norm), numbers(4, 3)),
    "spectral norm": (lambda: _parametrized(parametrizations.spectral_norm), numbers(4, 3)),
    "orthogonal": (lambda: _parametrized(parametrizations.orthogonal), numbers(4, 3)),
    "symmetric": (lambda: _parametrized(_symmetric), numbers(4, 3)),
    "encoder": (lambda: _encoder(batch_first=True), numbers(3, 5, 4)),
    "encoder, norm first": (lambda: _encoder(batch_first=True, norm_first=True), numbers(4, 4, 4)),
    "encoder, sequence first": (lambda: SequenceFirst(_encoder()), numbers(3, 5, 4)),
    "encoder, sequence first, as long as the batch": (lambda: SequenceFirst(_encoder()), numbers(3, 3, 4)),
    "attention with biases": (
        lambda: _SelfAttention(nn.MultiheadAttention(4, 2, add_bias_kv=True, kdim=4, vdim=4)),
        numbers(3, 5, 4),
    ),
}


class _SelfAttention(nn.Module):
    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(0, 1)
        h: Tensor = self.attention(x, x * 2, x + 1)[0]
        return h.transpose(0, 1)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture(name: str) -> None:
    """Every parameter's Jacobian, within rounding of float64."""
    make, X = ARCHITECTURES[name]
    torch.manual_seed(0)
    model = make().double().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape).double() / 4)
        C = model(X).numel() // len(X)
    problem = Problem(model, X, C)
    assert HOOKS.refuses(problem) is None
    found, expected = HOOKS.compute(problem), expected_of(problem)
    for key, right in expected.items():
        torch.testing.assert_close(found[key], right, rtol=1e-9, atol=1e-9 * max(1.0, float(right.abs().max())))
