"""Densities, and solutions of differential equations."""

from __future__ import annotations

import torch
from torch import nn

from . import Made, architecture


class LogDensity(nn.Module):
    """The logarithm of a flow's density at each sample."""

    def __init__(self, flow: nn.Module) -> None:
        super().__init__()
        self.flow = flow

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.flow.log_prob(X)


class ConditionalDensity(nn.Module):
    """The same of a flow that is called to give its distribution."""

    def __init__(self, flow: nn.Module) -> None:
        super().__init__()
        self.flow = flow

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.flow().log_prob(X)


@architecture("nflows")
def masked_autoregressive_flow() -> Made:
    from nflows.distributions import StandardNormal
    from nflows.flows import Flow
    from nflows.transforms import CompositeTransform, MaskedAffineAutoregressiveTransform, ReversePermutation

    steps = [MaskedAffineAutoregressiveTransform(4, 8, num_blocks=1), ReversePermutation(4)] * 1
    return LogDensity(Flow(CompositeTransform(steps), StandardNormal([4]))), torch.randn(4, 4)


@architecture("nflows")
def spline_coupling_flow() -> Made:
    from nflows.distributions import StandardNormal
    from nflows.flows import Flow
    from nflows.nn.nets import ResidualNet
    from nflows.transforms import PiecewiseRationalQuadraticCouplingTransform

    def net(inputs: int, outputs: int) -> nn.Module:
        return ResidualNet(inputs, outputs, hidden_features=8, num_blocks=1)

    step = PiecewiseRationalQuadraticCouplingTransform(
        torch.tensor([1, 0, 1, 0]), net, num_bins=4, tails="linear", tail_bound=3.0
    )
    return LogDensity(Flow(step, StandardNormal([4]))), torch.randn(4, 4)


@architecture("zuko")
def neural_spline_flow() -> Made:
    import zuko

    return ConditionalDensity(zuko.flows.NSF(3, transforms=1, hidden_features=(8, 8))), torch.randn(4, 3)


@architecture("zuko")
def nice() -> Made:
    import zuko

    return ConditionalDensity(zuko.flows.NICE(4, transforms=2, hidden_features=(8,))), torch.randn(4, 4)


@architecture("zuko")
def continuous_flow() -> Made:
    import zuko

    return ConditionalDensity(zuko.flows.CNF(2, hidden_features=(8,))), torch.randn(3, 2)


@architecture("normflows")
def real_nvp() -> Made:
    import normflows

    layers = []
    for k in range(2):
        mask = torch.tensor([k, 1 - k, k, 1 - k], dtype=torch.float32)
        nets = [normflows.nets.MLP([4, 8, 4], init_zeros=False) for _ in range(2)]
        layers.append(normflows.flows.MaskedAffineFlow(mask, *nets))
    return LogDensity(normflows.NormalizingFlow(normflows.distributions.DiagGaussian(4), layers)), torch.randn(4, 4)


class Dynamics(nn.Module):
    """A small network as the right-hand side of an ODE."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3))

    def forward(self, t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.net(y)


class NeuralODE(nn.Module):
    """torchdiffeq's `odeint` from 0 to 1."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.dynamics, self.method = Dynamics(), method
        self.register_buffer("t", torch.tensor([0.0, 1.0]))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        from torchdiffeq import odeint

        options = {"step_size": 0.5} if self.method == "rk4" else None
        return odeint(self.dynamics, X, self.t, method=self.method, options=options)[-1]


@architecture("torchdiffeq")
def neural_ode_rk4() -> Made:
    return NeuralODE("rk4"), torch.randn(4, 3)


@architecture("torchdiffeq")
def neural_ode_dopri5() -> Made:
    return NeuralODE("dopri5"), torch.randn(4, 3)
