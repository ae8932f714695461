"""Transformers as people write them, small."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


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


def encoder(**options: bool) -> nn.Module:
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


class SelfAttention(nn.Module):
    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(0, 1)
        h: Tensor = self.attention(x, x * 2, x + 1)[0]
        return h.transpose(0, 1)
