"""Networks for images and videos as people write them, small."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


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


class StandardisedConv(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(self.weight, (1, 2, 3), keepdim=True)
        return self._conv_forward(x, (self.weight - mean) / (var + 1e-6).sqrt(), self.bias)


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
