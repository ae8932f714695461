"""Networks for sequences and time series."""

from __future__ import annotations

import torch

from . import Made, Select, architecture
from .language import tokens


@architecture("mambapy")
def mamba() -> Made:
    from mambapy.mamba import Mamba, MambaConfig

    return Select(Mamba(MambaConfig(d_model=8, n_layers=1, d_state=4)), lambda f: f[:, -1, :3]), torch.randn(3, 4, 8)


@architecture("linformer")
def linformer() -> Made:
    from linformer import Linformer

    return Select(Linformer(dim=8, seq_len=8, depth=1, heads=2, k=4), lambda f: f[:, 0, :3]), torch.randn(3, 8, 8)


@architecture("performer-pytorch")
def performer() -> Made:
    from performer_pytorch import Performer

    model = Performer(dim=8, depth=1, heads=2, dim_head=4, nb_features=8)
    return Select(model, lambda f: f[:, 0, :3]), torch.randn(3, 6, 8)


@architecture("local-attention")
def local_attention() -> Made:
    from local_attention import LocalTransformer

    model = LocalTransformer(
        num_tokens=20, dim=16, depth=1, heads=2, dim_head=8, max_seq_len=8, local_attn_window_size=4
    )
    return Select(model, lambda f: f[:, -1, :3]), tokens(length=8)


@architecture("conformer")
def conformer() -> Made:
    from conformer import ConformerBlock

    model = ConformerBlock(dim=8, dim_head=4, heads=2, ff_mult=2, conv_kernel_size=3)
    return Select(model, lambda f: f[:, 0, :3]), torch.randn(3, 5, 8)


@architecture("axial-attention")
def axial_attention() -> Made:
    from axial_attention import AxialAttention

    model = AxialAttention(dim=8, dim_index=1, heads=2, num_dimensions=2)
    return Select(model, lambda f: f.mean((2, 3))[:, :3]), torch.randn(3, 8, 3, 3)


@architecture("ncps")
def closed_form_continuous_time() -> Made:
    from ncps.torch import CfC

    return Select(CfC(3, 8, proj_size=2), lambda f: f[0][:, -1]), torch.randn(3, 4, 3)


@architecture("ncps")
def liquid_time_constant() -> Made:
    from ncps.torch import LTC
    from ncps.wirings import AutoNCP

    return Select(LTC(3, AutoNCP(8, 2)), lambda f: f[0][:, -1]), torch.randn(3, 3, 3)


@architecture("pytorch-tcn")
def tcn() -> Made:
    from pytorch_tcn import TCN

    return Select(TCN(3, [4, 4], output_projection=2), lambda f: f[:, :, -1]), torch.randn(3, 3, 8)


@architecture("torchcde")
def neural_cde() -> Made:
    import torchcde
    from torch import nn

    class Field(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Linear(4, 4 * 3)

        def forward(self, t: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
            return self.out(z).tanh().view(len(z), 4, 3)

    class NeuralCDE(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.initial, self.field, self.readout = nn.Linear(3, 4), Field(), nn.Linear(4, 2)

        def forward(self, coefficients: torch.Tensor) -> torch.Tensor:
            X = torchcde.CubicSpline(coefficients)
            z0 = self.initial(X.evaluate(X.interval[0]))
            z = torchcde.cdeint(X=X, func=self.field, z0=z0, t=X.interval, adjoint=False, method="rk4")
            return self.readout(z[:, -1])

    series = torch.cat([torch.linspace(0, 1, 5)[None, :, None].repeat(3, 1, 1), torch.randn(3, 5, 2)], 2)
    return NeuralCDE(), torchcde.natural_cubic_coeffs(series)
