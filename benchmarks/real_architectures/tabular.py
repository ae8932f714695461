"""Networks for tables."""

from __future__ import annotations

import torch

from . import Made, Select, architecture


@architecture("rtdl-revisiting-models")
def ft_transformer() -> Made:
    from rtdl_revisiting_models import FTTransformer

    model = FTTransformer(
        n_cont_features=3,
        cat_cardinalities=[],
        d_out=2,
        n_blocks=2,
        d_block=16,
        attention_n_heads=2,
        attention_dropout=0.0,
        ffn_d_hidden=None,
        ffn_d_hidden_multiplier=4 / 3,
        ffn_dropout=0.0,
        residual_dropout=0.0,
    )
    return _WithoutCategories(model), torch.randn(4, 3)


class _WithoutCategories(torch.nn.Module):
    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.model(X, None)


@architecture("rtdl-revisiting-models")
def ft_transformer_categories() -> Made:
    from rtdl_revisiting_models import FTTransformer

    model = FTTransformer(
        n_cont_features=3,
        cat_cardinalities=[4, 5],
        d_out=2,
        n_blocks=1,
        d_block=16,
        attention_n_heads=2,
        attention_dropout=0.0,
        ffn_d_hidden=None,
        ffn_d_hidden_multiplier=4 / 3,
        ffn_dropout=0.0,
        residual_dropout=0.0,
    )
    return model, (torch.randn(4, 3), torch.randint(0, 4, (4, 2)))


@architecture("rtdl-revisiting-models")
def tabular_resnet() -> Made:
    from rtdl_revisiting_models import ResNet

    return ResNet(
        d_in=5, d_out=2, n_blocks=2, d_block=12, d_hidden=None, d_hidden_multiplier=2.0, dropout1=0.1, dropout2=0.0
    ), torch.randn(4, 5)


@architecture("rtdl-revisiting-models")
def tabular_mlp() -> Made:
    from rtdl_revisiting_models import MLP

    return MLP(d_in=5, d_out=3, n_blocks=3, d_block=24, dropout=0.1), torch.randn(4, 5)


@architecture("tab-transformer-pytorch")
def tab_transformer() -> Made:
    from tab_transformer_pytorch import TabTransformer

    model = TabTransformer(
        categories=(4, 5), num_continuous=3, dim=8, dim_out=2, depth=1, heads=2, dim_head=4, mlp_act=torch.nn.GELU()
    )
    return model, (torch.randint(0, 4, (4, 2)), torch.randn(4, 3))


@architecture("pytorch-tabnet")
def tabnet() -> Made:
    from pytorch_tabnet.tab_network import TabNetNoEmbeddings

    model = TabNetNoEmbeddings(5, 2, n_d=4, n_a=4, n_steps=2, virtual_batch_size=4)
    return Select(model, lambda f: f[0]), torch.randn(4, 5)


@architecture("pykan")
def kan() -> Made:
    from kan import KAN

    X = torch.randn(4, 3)  # before KAN seeds torch's generator
    return KAN(width=[3, 4, 2], grid=3, k=3, seed=torch.initial_seed(), auto_save=False), X
