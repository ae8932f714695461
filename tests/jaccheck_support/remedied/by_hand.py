"""Functions with a backward pass of one's own, and models whose forward pass does what a method cannot follow."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _len_torch_dispatch_stack


class OldCube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        return 3 * ctx.saved_tensors[0] ** 2 * gradient


class UnmappedCube(torch.autograd.Function):
    @staticmethod
    def forward(x):  # type: ignore[no-untyped-def]
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        return 3 * ctx.saved_tensors[0] ** 2 * gradient

    @staticmethod
    def jvp(ctx, tangent):  # type: ignore[no-untyped-def]
        return 3 * ctx.saved_tensors[0] ** 2 * tangent


class Cube(UnmappedCube):
    generate_vmap_rule = True


class Untangent(torch.autograd.Function):
    generate_vmap_rule = True
    forward, setup_context, backward = Cube.forward, Cube.setup_context, Cube.backward


class Slopes(nn.Module):
    """The derivative of a network by its input, as torch.autograd computes it: each layer is called once."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, X: Tensor) -> Tensor:
        X = X.detach().requires_grad_()
        return torch.autograd.grad(self.net(X).sum(), X, create_graph=True)[0]


class Placed(nn.Module):
    """Adds embeddings of four places, which are the same for all samples."""

    def __init__(self, *, is_for_each: bool) -> None:
        super().__init__()
        self.places, self.out, self.is_for_each = nn.Embedding(4, 3), nn.Linear(3, 2), is_for_each

    def forward(self, X: Tensor) -> Tensor:
        i = torch.arange(4)
        return self.out(torch.tanh(X + self.places(i.expand(len(X), 4) if self.is_for_each else i))).sum(1)


class InTwo(nn.Module):
    """Two layers by a call, and another one."""

    def __init__(self, call: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.layers, self.out, self.call = nn.Sequential(nn.Linear(4, 6), nn.Tanh()), nn.Linear(6, 2), call

    def forward(self, X: Tensor) -> Tensor:
        return self.out(self.call(self.layers, X))


class Turned(nn.Module):
    """A convolution whose output has its axes in another order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.out = nn.Conv1d(4, 2, 1), nn.Linear(2, 2)

    def forward(self, X: Tensor) -> Tensor:
        return self.out(self.conv(X).transpose(1, 2))


class Stepped(nn.Module):
    """One step of descent on a loss of each sample's own first numbers, and a prediction by what comes of it."""

    def __init__(self, *, is_by_func: bool) -> None:
        super().__init__()
        self.weight, self.is_by_func = nn.Parameter(torch.ones(2)), is_by_func

    def forward(self, X: Tensor) -> Tensor:
        return torch.stack([(x[2:] * self._step(x[:2])).sum(0, keepdim=True) for x in X.unbind()])

    def _step(self, x: Tensor) -> Tensor:
        def loss(weight: Tensor) -> Tensor:
            return ((x * weight).sum() - 1) ** 2

        if self.is_by_func:
            return self.weight - 0.1 * torch.func.grad(loss)(self.weight)
        return self.weight - 0.1 * torch.autograd.grad(loss(self.weight), self.weight, create_graph=True)[0]


class Solving(nn.Module):
    """Solves a system with one matrix for each sample's right-hand side."""

    def __init__(self, *, is_expanded: bool) -> None:
        super().__init__()
        self.A, self.is_expanded = nn.Parameter(2 * torch.eye(4) + 0.1), is_expanded

    def forward(self, X: Tensor) -> Tensor:
        A = self.A.expand(len(X), 4, 4) if self.is_expanded else self.A
        return torch.linalg.solve(A, X[..., None])[..., 0]


class Unwatched(nn.Module):
    """Does not run where a layer of it has a hook, nor below a mode that sees its operations."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, X: Tensor) -> Tensor:
        if self.layer._forward_pre_hooks or _len_torch_dispatch_stack():
            raise RecursionError("watched")
        return self.layer(X)


class Slope(nn.Module):
    """The derivative of a network by its input, as torch.func computes it."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, X: Tensor) -> Tensor:
        return torch.func.vmap(torch.func.grad(lambda x: self.net(x)[0]))(X)


class Signs(nn.Module):
    """A layer whose weight has signs alone, with a straight-through estimator."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.out = nn.Linear(4, 6), nn.Linear(6, 2)

    def forward(self, X: Tensor) -> Tensor:
        W = self.layer.weight
        return self.out(torch.tanh(nn.functional.linear(X, W + (W.sign() - W).detach(), self.layer.bias)))
