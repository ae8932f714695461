"""Models with a forward of their own, of the kinds that people have, small: a name, and a function that makes one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, normalize, rrelu, scaled_dot_product_attention, silu


class Residual(nn.Module):
    """A perceptron with a residual sum and a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.norm = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3), nn.LayerNorm(8)

    def forward(self, X: Tensor) -> Tensor:
        h = torch.tanh(self.a(X))
        return torch.softmax(self.c(h + self.b(self.norm(h))), -1)


class Basic(nn.Module):
    """The basic block of a ResNet."""

    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.a, self.b = (nn.Conv2d(channels, channels, 3, padding=1, bias=bias) for bias in (False, True))
        self.n, self.m, self.out = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels), nn.Linear(channels, 3)
        for norm in (self.n, self.m):
            norm.running_mean.uniform_(-0.5, 0.5)
            norm.running_var.uniform_(0.5, 2)

    def forward(self, X: Tensor) -> Tensor:
        y = torch.relu(self.n(self.a(X)))
        return self.out(torch.relu(self.m(self.b(y)) + X).mean((2, 3)))


class GPT(nn.Module):
    """Blocks of a transformer with a causal mask, over tokens with position embeddings."""

    def __init__(self, width: int = 8, layers: int = 1, length: int = 4) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(11, width, padding_idx=0), nn.Embedding(length, width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, 2, 2 * width, dropout=0, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 2)

    def forward(self, X: Tensor) -> Tensor:
        h = self.tokens(X) + self.places(torch.arange(X.shape[1]))
        mask = nn.Transformer.generate_square_subsequent_mask(X.shape[1]).to(h.dtype)
        for block in self.blocks:
            h = block(h, src_mask=mask, is_causal=True)
        return self.head(self.norm(h)[:, -1])


class ViT(nn.Module):
    """Patches, a class token, attention by torch's fused function, RMSNorm and SwiGLU."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.patches, self.token = nn.Conv2d(2, width, 2, stride=2), nn.Parameter(torch.randn(1, 1, width) / 2)
        self.n, self.m = nn.RMSNorm(width, eps=1e-6), nn.RMSNorm(width, eps=1e-6)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.gate, self.up, self.down = nn.Linear(width, 12), nn.Linear(width, 12), nn.Linear(12, width)
        self.head = nn.Linear(width, 2)

    def forward(self, X: Tensor) -> Tensor:
        h = self.patches(X).flatten(2).transpose(1, 2)
        h = torch.cat([self.token.expand(len(X), -1, -1), h], 1)
        q, k, v = (each.unflatten(-1, (2, -1)).transpose(1, 2) for each in self.qkv(self.n(h)).chunk(3, -1))
        h = h + self.out(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        y = self.m(h)
        return self.head((h + self.down(silu(self.gate(y)) * self.up(y)))[:, 0])


class ByHand(nn.Module):
    """Attention as it is written by hand, with rotated positions and a mask filled in place."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(3, width) for _ in range(3))
        self.out = nn.Linear(width, 2)

    def forward(self, X: Tensor) -> Tensor:
        q, k, v = self.q(X), self.k(X), self.v(X)
        angle = torch.arange(X.shape[1], dtype=X.dtype)[:, None] / 10
        q = q * angle.cos() + torch.cat([-q[..., 2:], q[..., :2]], -1) * angle.sin()
        scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
        scores = scores.masked_fill(torch.ones(X.shape[1], X.shape[1]).triu(1).bool(), float("-inf"))
        return self.out((scores.softmax(-1) @ v).mean(1))


class Recurrent(nn.Module):
    """A GRU or an LSTM, of whose states the last one counts."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.cells, self.out = kind(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, X: Tensor) -> Tensor:
        return self.out(self.cells(X)[0][:, -1])


class ConvNeXt(nn.Module):
    """A block of ConvNeXt: depthwise convolution, norm over channels, pointwise layers, a scale."""

    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(channels, channels, 5, padding=2, groups=channels), nn.LayerNorm(channels)
        self.a, self.b = nn.Linear(channels, 2 * channels), nn.Linear(2 * channels, channels)
        self.scale, self.head = nn.Parameter(torch.full((channels,), 0.5)), nn.Linear(channels, 2)

    def forward(self, X: Tensor) -> Tensor:
        y = self.norm(self.depthwise(X).permute(0, 2, 3, 1))
        y = self.b(gelu(self.a(y))) * self.scale
        return self.head((X + y.permute(0, 3, 1, 2)).mean((2, 3)))


class Mixer(nn.Module):
    """A block of MLP-Mixer."""

    def __init__(self, tokens: int = 4, channels: int = 5) -> None:
        super().__init__()
        self.n, self.m = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.a, self.b = nn.Linear(tokens, 6), nn.Linear(6, tokens)
        self.c, self.d, self.head = nn.Linear(channels, 6), nn.Linear(6, channels), nn.Linear(channels, 2)

    def forward(self, X: Tensor) -> Tensor:
        X = X + self.b(gelu(self.a(self.n(X).transpose(1, 2)))).transpose(1, 2)
        return self.head((X + self.d(gelu(self.c(self.m(X)), approximate="tanh"))).mean(1))


class Wrapped(nn.Module):
    """A forward that only calls a Sequential, of many layers."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            *(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.SiLU(), nn.MaxPool2d(2)),
            *(nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1), nn.PReLU(), nn.AvgPool2d(2, 1)),
            *(nn.AdaptiveAvgPool2d((2, 2)), nn.Flatten(), nn.RMSNorm(12), nn.Linear(12, 3), nn.LogSoftmax(1)),
        )

    def forward(self, X: Tensor) -> Tensor:
        return self.net(X)


class InPlace(nn.Module):
    """Writes into views of what it computes, and into a tensor that it makes."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.scale = nn.Linear(4, 6), nn.Linear(6, 2), nn.Parameter(torch.rand(3) + 0.5)

    def forward(self, X: Tensor) -> Tensor:
        h = self.a(X) * 1.5
        h[:, 3:] *= self.scale
        h[:, :2] += h[:, 2:4].detach() + h[:, 4:].clone().clamp(min=0)
        made = torch.zeros(len(X), 6, dtype=X.dtype)
        made[:, ::2] = h[:, :3].clone().exp()
        made[:, 1::2] = normalize(h[:, 3:].clone(), dim=1)
        with torch.no_grad():
            kept = made.sum(1, keepdim=True)
        return self.b(made.roll(1, 1)) / (1 + kept.abs().sqrt())


class Leaking(nn.Module):
    """RReLU as a module, in place and by hand: in evaluation mode its slope is the middle of its range."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.act = nn.Linear(4, 6), nn.Linear(6, 2), nn.RReLU(0.2, 0.4)

    def forward(self, X: Tensor) -> Tensor:
        h = rrelu(self.act(self.a(X)) - 0.1, training=self.training)
        return self.b(rrelu(h - 0.1, 0.25, 0.75, training=self.training, inplace=True))


class Statistics(nn.Module):
    """Moments of rows, sums over the edges of a graph, an interpolation, distances."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, X: Tensor) -> Tensor:
        h = self.a(X[:, :4]) + X[:, 4:]
        variance, mean = torch.var_mean(h, 1, keepdim=True, unbiased=False)
        h = (h - mean) / (variance + 0.1).sqrt() + torch.minimum(h, h.flip(1)) - h.logsumexp(1, keepdim=True)
        edges = torch.tensor([0, 1, 1, 2, 4, 0, 7, 7])
        h = torch.zeros_like(h).index_add(1, edges, torch.erf(h)) + h / h.std(1, keepdim=True)
        wide = interpolate(h.view(-1, 2, 2, 2), scale_factor=2, mode="bilinear")
        return self.b(wide.amax(3).flatten(1)[:, :8] ** 2)


class Empty(nn.Module):
    """Parameters without a number, such as a prompt of no tokens, beside others."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.norm = nn.Linear(4, 3), nn.Linear(3, 2), nn.LayerNorm(3)
        self.prompt, self.scale = nn.Parameter(torch.empty(0, 3)), nn.Parameter(torch.empty(0))
        self.narrow, self.wide = nn.Parameter(torch.empty(0, 3)), nn.Parameter(torch.empty(3, 0))

    def forward(self, X: Tensor) -> Tensor:
        h = torch.cat([self.prompt.expand(len(X), 0, 3), torch.tanh(self.a(X))[:, None]], 1)
        h = self.norm(h).sum(1) + self.scale.sum() + torch.softmax(h[:, :0] * self.prompt, 1).sum(1)
        return self.b(h + h @ self.narrow.t() @ self.wide.t())


Made = Callable[[], tuple[nn.Module, Tensor]]

GRAPH_MODELS: dict[str, Made] = {
    "residual": lambda: (Residual(), torch.randn(2, 6)),
    "ResNet block": lambda: (Basic(), torch.randn(2, 4, 5, 5)),
    "GPT": lambda: (GPT(), torch.randint(0, 11, (2, 4))),
    "ViT": lambda: (ViT(), torch.randn(2, 2, 4, 4)),
    "attention by hand": lambda: (ByHand(), torch.randn(2, 4, 3)),
    "GRU": lambda: (Recurrent(nn.GRU), torch.randn(2, 3, 3)),
    "LSTM": lambda: (Recurrent(nn.LSTM), torch.randn(2, 3, 3)),
    "ConvNeXt block": lambda: (ConvNeXt(), torch.randn(2, 4, 5, 5)),
    "MLP-Mixer": lambda: (Mixer(), torch.randn(2, 4, 5)),
    "wrapped Sequential": lambda: (Wrapped(), torch.randn(2, 2, 9, 9)),
    "statistics": lambda: (Statistics(), torch.randn(2, 12)),
    "RReLU": lambda: (Leaking(), torch.randn(2, 4)),
    "empty parameters": lambda: (Empty(), torch.randn(2, 4)),
    "in place": lambda: (InPlace(), torch.randn(2, 4)),
}
"""By what it is: a model in evaluation mode would be one, and a batch."""


def graph_model(name: str, seed: int = 0) -> tuple[nn.Module, Tensor]:
    """The model of that name with random numbers, in evaluation mode, and a batch."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model, X = GRAPH_MODELS[name]()
    return model.eval(), X
