"""`outer_products`: backpropagation of unit vectors written out, for Sequentials of Linear and activations.

With `a` the input of a Linear and `δ`, `(N, C, features)`, the derivative of the outputs by what it returns,
`J[bias] = δ` and `J[weight] = δ ⊗ a`; below it follows `δ W`, below an activation φ at z `δ ∘ φ'(z)`, and at the top δ
is the identity. Each product is written once, straight into the result, so the time is that of filling its memory.
Nothing is recorded by autograd and no module is called.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from jaccheck.methods.calls import is_called_otherwise
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import method

aten = torch.ops.aten

SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772

# By kind of activation: its value φ(z), and δ ∘ φ'(z) from δ, z and a = φ(z); the slope at a kink is autograd's.
ACTIVATIONS = {
    nn.ReLU: (
        lambda layer, z: torch.relu(z),
        lambda layer, δ, z, a: aten.threshold_backward.default(δ, a.unsqueeze(1), 0),
    ),
    nn.LeakyReLU: (
        lambda layer, z: functional.leaky_relu(z, layer.negative_slope),
        lambda layer, δ, z, a: aten.leaky_relu_backward.default(δ, z.unsqueeze(1), layer.negative_slope, False),
    ),
    nn.Sigmoid: (
        lambda layer, z: torch.sigmoid(z),
        lambda layer, δ, z, a: aten.sigmoid_backward.default(δ, a.unsqueeze(1)),
    ),
    nn.Tanh: (
        lambda layer, z: torch.tanh(z),
        lambda layer, δ, z, a: aten.tanh_backward.default(δ, a.unsqueeze(1)),
    ),
    nn.LogSigmoid: (
        lambda layer, z: functional.logsigmoid(z),
        lambda layer, δ, z, a: δ * torch.sigmoid(-z).unsqueeze(1),
    ),
    nn.ELU: (
        lambda layer, z: functional.elu(z, layer.alpha),
        lambda layer, δ, z, a: aten.elu_backward.default(δ, layer.alpha, 1, 1, False, z.unsqueeze(1)),
    ),
    nn.SELU: (
        lambda layer, z: torch.selu(z),
        lambda layer, δ, z, a: aten.elu_backward.default(δ, SELU_ALPHA, SELU_SCALE, 1, False, z.unsqueeze(1)),
    ),
    nn.Softplus: (
        lambda layer, z: functional.softplus(z, layer.beta, layer.threshold),
        lambda layer, δ, z, a: aten.softplus_backward.default(δ, z.unsqueeze(1), layer.beta, layer.threshold),
    ),
    nn.SiLU: (
        lambda layer, z: functional.silu(z),
        lambda layer, δ, z, a: aten.silu_backward.default(δ, z.unsqueeze(1)),
    ),
    nn.Mish: (
        lambda layer, z: functional.mish(z),
        lambda layer, δ, z, a: aten.mish_backward.default(δ, z.unsqueeze(1)),
    ),
    nn.Softsign: (
        lambda layer, z: functional.softsign(z),
        lambda layer, δ, z, a: δ / (1 + z.abs()).square().unsqueeze(1),
    ),
    nn.Hardtanh: (
        lambda layer, z: functional.hardtanh(z, layer.min_val, layer.max_val),
        lambda layer, δ, z, a: aten.hardtanh_backward.default(δ, z.unsqueeze(1), layer.min_val, layer.max_val),
    ),
    nn.ReLU6: (
        lambda layer, z: functional.hardtanh(z, layer.min_val, layer.max_val),
        lambda layer, δ, z, a: aten.hardtanh_backward.default(δ, z.unsqueeze(1), layer.min_val, layer.max_val),
    ),
    nn.Hardswish: (
        lambda layer, z: functional.hardswish(z),
        lambda layer, δ, z, a: aten.hardswish_backward.default(δ, z.unsqueeze(1)),
    ),
}
PASSING = (nn.Identity, nn.Dropout, nn.Flatten)
"""What moves no number of a sample; Dropout in evaluation mode, or where it keeps everything."""


def _beyond(problem: Problem) -> str | None:
    """What the closed form does not cover: anything but these exact layers, each called once and in the plain way."""
    model, X = problem.model, problem.X
    leaves = _leaves(model, "")
    kinds = (nn.Linear, *ACTIVATIONS, *PASSING)
    for path, layer in leaves:
        where = path.removesuffix(".") or "the model"
        if type(layer) not in kinds:
            return f"{where} is {type(layer).__name__}; it covers Sequentials of {', '.join(k.__name__ for k in kinds)}"
        if isinstance(layer, nn.Dropout) and layer.training and layer.p:
            return f"{where} is Dropout in training mode with p={layer.p:g}"
    for path, module in model.named_modules():
        if changed := is_called_otherwise(module):
            return f"{path or 'the model'} has {changed}, which it would not call"
    linears = [layer for _, layer in leaves if type(layer) is nn.Linear]
    own = [p for layer in linears for p in (layer.weight, layer.bias) if p is not None]
    if len({id(p) for p in own}) < len(own):
        return "a parameter is used by more than one layer"
    if len(own) != len(list(model.parameters())):
        return "a module has parameters beside weight and bias"
    if any(p.dtype != X.dtype or p.device != X.device for p in own):
        return f"a parameter is not {X.dtype} on {X.device}, as the input is"
    if any(p._backward_hooks for p in own):
        return "a parameter has a hook on its gradient"
    if functional.linear(X.new_zeros(1, 1), X.new_zeros(1, 1)).dtype != X.dtype:
        return "under autocast layers change their dtype"
    return _beyond_flat(problem, leaves)


def _beyond_flat(problem: Problem, leaves: list[tuple[str, nn.Module]]) -> str | None:
    """Linear is covered for input `[N, features]` only; counts dimensions down to it."""
    dim = problem.X.dim()
    for path, layer in leaves:
        if type(layer) is nn.Flatten:
            start, end = (axis % dim if dim else 0 for axis in (layer.start_dim, layer.end_dim))
            dim -= max(end - start, 0)
        elif type(layer) is nn.Linear and dim != 2:
            return f"{path.removesuffix('.')} has input of {dim} dimensions; it covers Linear on [N, features]"
    return None


@method(family="written out", unsupported=_beyond)
def outer_products(problem: Problem, *, out: Jacobians | None = None) -> Jacobians:
    """Backpropagation of unit vectors written out, straight into the result: no autograd, no hooks."""
    tape, names = _forward(problem)
    J: dict[str, Any] = dict.fromkeys(names) if out is None else out
    N, C, last, bottom = problem.X.shape[0], problem.C, tape[-1], tape[0]
    δ = problem.X.new_zeros((N, C, C))
    δ.diagonal(dim1=1, dim2=2).fill_(1)
    for step in reversed(tape):
        layer, z, a, W, weight, bias = step
        if W is None:
            δ = ACTIVATIONS[type(layer)][1](layer, δ, z, a)
            continue
        if weight:
            J[weight] = torch.mul(δ.unsqueeze(-1), z.view(N, 1, 1, W.shape[1]), out=J[weight])
        if bias:
            J[bias] = _repeated(δ, N) if out is None else J[bias].copy_(δ)
        if step is not bottom:
            δ = W.contiguous() if step is last else δ @ W
    return J


def _repeated(δ: Tensor, N: int) -> Tensor:
    """δ, which nobody else keeps, or copies of it where Linear upon Linear left it without an axis of samples."""
    return δ if δ.dim() == 3 else δ.expand(N, *δ.shape).clone(memory_format=torch.contiguous_format)


def _forward(problem: Problem) -> tuple[list[Any], list[str]]:
    """The tape, from the lowest layer with a trainable parameter on, and the names of these parameters.

    A step is a layer, its input and output, and of a Linear its weight, and the names of weight and bias unless frozen.
    What is detached is not recorded, at less cost than `no_grad` has; and parameters are looked up in `_parameters`,
    since an attribute of a module costs more than a small product.
    """
    X = problem.X.detach()
    a = (X if X.dim() == 2 else X.flatten(1)).contiguous()
    layers = [step for step in _leaves(problem.model, "") if type(step[1]) not in PASSING]
    tape: list[Any] = []
    names: list[str] = []
    last = layers[-1]
    for step in layers:
        (path, layer), z = step, a
        W = weight = bias = None
        if type(layer) is not nn.Linear:
            a = ACTIVATIONS[type(layer)][0](layer, z)
        else:
            parameters: dict[str, Any] = layer._parameters
            W, b = parameters["weight"], parameters["bias"]
            if W.requires_grad:
                names.append(weight := path + "weight")
            if b is not None and b.requires_grad:
                names.append(bias := path + "bias")
            W = W.detach()
            if step is not last:
                a = functional.linear(z, W, None if b is None else b.detach())
        if names:
            tape.append((layer, z, a, W, weight, bias))
    return tape, names


def _leaves(module: nn.Module, path: str) -> list[tuple[str, nn.Module]]:
    """Every module that is no Sequential, as often as it is called, in order, each with its parameters' prefix."""
    if type(module) is not nn.Sequential:
        return [(path, module)]
    found = []
    for name, child in module._modules.items():
        if type(child) is nn.Sequential:
            found += _leaves(child, f"{path}{name}.")
        else:
            found.append((f"{path}{name}.", child))
    return found
