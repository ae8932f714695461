"""Networks of physics and chemistry, graphs and points."""

from __future__ import annotations

import torch
from torch import nn

from . import Made, Select, architecture


@architecture("e3nn")
def tensor_product() -> Made:
    from e3nn.o3 import FullyConnectedTensorProduct

    class Product(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.product = FullyConnectedTensorProduct("2x0e+2x1o", "2x0e+2x1o", "2x0e+1x1o")

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return self.product(X, X)

    return Product(), torch.randn(3, 8)


@architecture("e3nn")
def gate() -> Made:
    from e3nn.nn import Gate
    from e3nn.o3 import Linear

    gate = Gate("4x0e", [torch.tanh], "2x0e", [torch.sigmoid], "2x1o")
    return nn.Sequential(Linear("3x0e+2x1o", gate.irreps_in), gate, Linear(gate.irreps_out, "2x0e")), torch.randn(3, 9)


@architecture("egnn-pytorch")
def egnn() -> Made:
    from egnn_pytorch import EGNN

    class Points(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.out = EGNN(dim=4, m_dim=4), nn.Linear(4, 2)

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            features, _ = self.layer(X[..., :4], X[..., 4:])
            return self.out(features.mean(1))

    return Points(), torch.randn(3, 5, 7)


@architecture("se3-transformer-pytorch")
def se3_transformer() -> Made:
    from se3_transformer_pytorch import SE3Transformer

    class Points(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = SE3Transformer(
                dim=4, heads=1, depth=1, dim_head=4, num_degrees=2, num_neighbors=3, valid_radius=10.0
            )

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            mask = torch.ones(X.shape[:2], dtype=torch.bool, device=X.device)
            return self.net(X[..., :4], X[..., 4:], mask, return_type=0).mean(1)[:, :2]

    return Points(), torch.randn(2, 4, 7)


class _Graphs(nn.Module):
    """A dense convolution of graphs on `[N, nodes, features + nodes]`: features beside rows of the adjacency."""

    def __init__(self, first: nn.Module, second: nn.Module, features: int, hidden: int) -> None:
        super().__init__()
        self.first, self.second, self.features, self.out = first, second, features, nn.Linear(hidden, 2)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        nodes, adjacency = X[..., : self.features], X[..., self.features :]
        h = self.first(nodes, adjacency).relu()
        return self.out(self.second(h, adjacency).relu().mean(1))


def graphs(N: int = 3, nodes: int = 4, features: int = 3) -> torch.Tensor:
    edges = (torch.rand(N, nodes, nodes) < 0.5).float().triu(1)
    return torch.cat([torch.randn(N, nodes, features), edges + edges.mT], 2)


@architecture("torch-geometric")
def dense_gcn() -> Made:
    from torch_geometric.nn import DenseGCNConv

    return _Graphs(DenseGCNConv(3, 8), DenseGCNConv(8, 8), 3, 8), graphs()


@architecture("torch-geometric")
def dense_gin() -> Made:
    from torch_geometric.nn import DenseGINConv

    mlps = (nn.Sequential(nn.Linear(n, 8), nn.ReLU(), nn.Linear(8, 8)) for n in (3, 8))
    return _Graphs(*(DenseGINConv(mlp, train_eps=True) for mlp in mlps), 3, 8), graphs()


@architecture("torch-geometric")
def dense_gat() -> Made:
    from torch_geometric.nn import DenseGATConv

    return _Graphs(DenseGATConv(3, 4, heads=2), DenseGATConv(8, 8, heads=1), 3, 8), graphs()


@architecture("torch-geometric")
def dense_sage() -> Made:
    from torch_geometric.nn import DenseSAGEConv

    return _Graphs(DenseSAGEConv(3, 8), DenseSAGEConv(8, 8), 3, 8), graphs()


@architecture("torch-geometric")
def gcn_fixed_graph() -> Made:
    from torch_geometric.nn import GCN

    class OnARing(nn.Module):
        """Signals `[N, nodes, features]` on one graph."""

        def __init__(self) -> None:
            super().__init__()
            self.net = GCN(3, 8, num_layers=2, out_channels=2)
            ring = torch.arange(5)
            self.register_buffer("edges", torch.stack([ring, ring.roll(1)]))

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return self.net(X, self.edges).mean(1)

    return OnARing(), torch.randn(3, 5, 3)


@architecture("siren-pytorch")
def siren() -> Made:
    from siren_pytorch import SirenNet

    return SirenNet(dim_in=2, dim_hidden=12, dim_out=2, num_layers=2, w0_initial=30.0), torch.rand(4, 2) * 2 - 1


@architecture("neuraloperator")
def fourier_neural_operator() -> Made:
    from neuralop.models import FNO

    return FNO(n_modes=(4,), hidden_channels=4, in_channels=1, out_channels=1, n_layers=1), torch.randn(2, 1, 8)


@architecture("neuraloperator")
def uno_channel_mlp() -> Made:
    from neuralop.layers.channel_mlp import ChannelMLP

    return Select(ChannelMLP(3, 2, 8, n_layers=2), lambda f: f.mean(-1)), torch.randn(3, 3, 6)
