"""Small models as people have them, each with its input; tests find what is right of each by themselves.

A function named after what is special returns `(model, X)`: for plain inputs a tensor, else a tuple or a dict.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class Lambda(nn.Module):
    """Children by name, and a function of them and the input that is the forward pass."""

    def __init__(self, forward: Callable[..., Any], **children: nn.Module | nn.Parameter) -> None:
        super().__init__()
        for name, child in children.items():
            setattr(self, name, child)
        self._forward = forward

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the function makes of the children and the input."""
        return self._forward(self, *args, **kwargs)


def batch(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers, the same each time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(100 + seed))


def indices(high: int, *shape: int, seed: int = 0) -> Tensor:
    """Whole numbers from 0 to below `high`, the same each time."""
    return torch.randint(0, high, shape, generator=torch.Generator().manual_seed(100 + seed))


def pooled(pool: Callable[[Tensor], Tensor], seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A convolution, a pooling over the length, Linear."""
    torch.manual_seed(seed)
    model = Lambda(lambda m, x: m.out(pool(m.conv(x))), conv=nn.Conv1d(2, 4, 3), out=nn.Linear(4, 2))
    return model, batch(4, 2, 7, seed=seed)


def pooled_by_amax(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Autograd compares the maximum with its input to find where it was taken."""
    return pooled(lambda h: h.amax(-1), seed)


def pooled_by_max(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """The same function, whose backward pass goes by index."""
    return pooled(lambda h: h.max(-1)[0], seed)


class Adapter(nn.Module):
    """Low-rank update x Aᵀ Bᵀ."""

    def __init__(self) -> None:
        super().__init__()
        self.A, self.B = nn.Parameter(torch.randn(2, 3)), nn.Parameter(torch.randn(4, 2))

    def forward(self, x: Tensor) -> Tensor:
        """What is added to the Linear's output."""
        return x @ self.A.T @ self.B.T


def adapter_in_a_hook(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """The hook is a closure that holds the adapter, so a deep copy of the model still calls the original adapter."""
    torch.manual_seed(seed)
    model, adapter = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), Adapter()
    model[0].register_module("adapter", adapter)
    model[0].register_forward_hook(lambda module, inputs, output: output + adapter(inputs[0]))
    return model, batch(5, 3, seed=seed)


def under_autocast(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Parameters are float32, both layers are computed in bfloat16."""

    def forward(m: Any, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return m.b(torch.tanh(m.a(x)))

    torch.manual_seed(seed)
    return Lambda(forward, a=nn.Linear(3, 4), b=nn.Linear(4, 2)), batch(5, 3, seed=seed)


def embedding_with_max_norm(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """The forward pass changes its own weight."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Embedding(6, 4, max_norm=0.5), nn.Flatten(), nn.Linear(12, 2))
    return model, indices(6, 5, 3, seed=seed)


def forces(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """The forward pass takes the gradient of an energy by the input, as potentials and PINNs do."""

    def forward(m: Any, x: Tensor) -> Tensor:
        x = x.detach().requires_grad_()
        return -torch.autograd.grad(m.energy(x).sum(), x, create_graph=True)[0]

    torch.manual_seed(seed)
    return Lambda(forward, energy=nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))), batch(5, 3, seed=seed)


def reentrant_checkpoint(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """The middle layer is computed again in the backward pass; torch refuses autograd.grad of such a model."""

    def forward(m: Any, x: Tensor) -> Tensor:
        return m.c(checkpoint(lambda h: torch.tanh(m.b(h)), torch.tanh(m.a(x)), use_reentrant=True))

    torch.manual_seed(seed)
    return Lambda(forward, a=nn.Linear(3, 4), b=nn.Linear(4, 4), c=nn.Linear(4, 2)), batch(5, 3, seed=seed)


def sparse_embedding(seed: int = 0, *, sparse: bool = True) -> tuple[nn.Module, Tensor]:
    """The gradient of the Embedding is a sparse tensor."""
    torch.manual_seed(seed)
    embedding = nn.Embedding(6, 4, sparse=sparse)
    return Lambda(lambda m, i: m.out(m.embedding(i).sum(1)), embedding=embedding, out=nn.Linear(4, 2)), indices(
        6, 5, 3, seed=seed
    )


class Cube(torch.autograd.Function):
    """x³, whose backward pass has the factor 2 instead of 3."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """The cube."""
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Two thirds of what it should be."""
        (x,) = ctx.saved_tensors
        return 2 * x**2 * gradient


def wrong_backward(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Autograd's Jacobian of `a` is two thirds of the right one."""
    torch.manual_seed(seed)
    return Lambda(lambda m, x: m.b(Cube.apply(m.a(x))), a=nn.Linear(3, 4), b=nn.Linear(4, 2)), batch(5, 3, seed=seed)


def squeezed(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """One sample alone gives shape (2,), not (1, 2)."""
    torch.manual_seed(seed)
    return Lambda(lambda m, x: m.a(x).squeeze(), a=nn.Linear(3, 2)), batch(5, 3, seed=seed)


def _of_two(m: Any, x: Tensor, t: Tensor) -> dict[str, Tensor]:
    h = torch.tanh(m.a(x) + m.b(t))
    return {"logits": m.head(h), "hidden": h}


def two_inputs(seed: int = 0) -> tuple[nn.Module, tuple[Tensor, Tensor]]:
    """Two positional inputs, and two outputs in a dict."""
    torch.manual_seed(seed)
    model = Lambda(_of_two, a=nn.Linear(3, 4), b=nn.Linear(2, 4), head=nn.Linear(4, 2))
    return model, (batch(5, 3, seed=seed), batch(5, 2, seed=seed + 1))


def keyword_inputs(seed: int = 0) -> tuple[nn.Module, dict[str, Tensor]]:
    """The same by keyword."""
    model, (x, t) = two_inputs(seed)
    return model, {"x": x, "t": t}


def small_cnn(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Four convolutions: a million entries, of which a few have draws that are small by chance."""

    def block(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1), nn.SiLU())

    torch.manual_seed(seed)
    blocks = (block(inputs, outputs) for inputs, outputs in ((3, 16), (16, 64), (64, 128), (128, 128)))
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(128, 3)), batch(2, 3, 16, 16, seed=seed)


def slopes_of_one_number(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A PReLU has a parameter of a single number, so that there is nothing to pool it with."""
    torch.manual_seed(seed)
    hidden = [nn.Linear(8, 32), nn.PReLU(), nn.LayerNorm(32), nn.Linear(32, 32), nn.PReLU(), nn.LayerNorm(32)]
    return nn.Sequential(*hidden, nn.Linear(32, 128)), batch(4, 8, seed=seed)


def whole_numbers_held_as_floats(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A categorical column and numbers in one float tensor."""

    def forward(m: Any, x: Tensor) -> Tensor:
        return m.net(torch.cat([m.embedding(x[:, 0].long()), x[:, 1:]], 1))

    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(7, 8), nn.Tanh(), nn.Linear(8, 2))
    category = 1 + indices(4, 6, 1, seed=seed).float()
    return Lambda(forward, embedding=nn.Embedding(5, 4), net=net), torch.cat([category, batch(6, 3, seed=seed)], 1)


def exact_zeros(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A head that starts at zero, as in zero-initialised residuals and adapters: the body's Jacobians are zero."""
    torch.manual_seed(seed)
    body = nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 16))
    head = nn.Linear(16, 3)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return Lambda(lambda m, x: m.head(m.body(x)), body=body, head=head), batch(4, 8, seed=seed)
