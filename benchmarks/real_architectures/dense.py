"""Networks that return an image or a volume."""

from __future__ import annotations

import torch

from . import Made, Select, architecture


def volumes(size: int, N: int = 2, channels: int = 1) -> torch.Tensor:
    return torch.randn(N, channels, size, size, size)


@architecture("monai")
def unet_monai() -> Made:
    from monai.networks.nets import UNet

    return UNet(2, 1, 2, channels=(4, 8, 8), strides=(2, 2), num_res_units=1), torch.randn(2, 1, 8, 8)


@architecture("monai")
def densenet_3d() -> Made:
    from monai.networks.nets import DenseNet

    return DenseNet(3, 1, 3, init_features=8, growth_rate=4, block_config=(2, 2), bn_size=2), volumes(16)


@architecture("monai")
def segresnet() -> Made:
    from monai.networks.nets import SegResNet

    return SegResNet(2, 8, 1, 1, blocks_down=(1, 1), blocks_up=(1,)), torch.randn(2, 1, 4, 4)


@architecture("monai")
def basic_unet() -> Made:
    from monai.networks.nets import BasicUNet

    return Select(BasicUNet(2, 1, 2, features=(4, 4, 4, 4, 4, 4)), lambda f: f.mean((2, 3))), torch.randn(2, 1, 32, 32)


@architecture("monai")
def dynunet() -> Made:
    from monai.networks.nets import DynUNet

    model = DynUNet(2, 1, 1, [3, 3, 3], [1, 1, 2], [1, 2], filters=[4, 4, 8])
    return model, torch.randn(2, 1, 4, 4)


@architecture("monai")
def highresnet() -> Made:
    from monai.networks.nets import HighResNet

    layers = (
        {"name": "conv_0", "n_features": 4, "kernel_size": 3},
        {"name": "res_1", "n_features": 4, "kernels": (3, 3), "repeat": 1},
        {"name": "conv_1", "n_features": 4, "kernel_size": 1},
        {"name": "conv_2", "kernel_size": 1},
    )
    return HighResNet(2, 1, 2, layer_params=layers), torch.randn(2, 1, 4, 4)


@architecture("monai")
def attention_unet() -> Made:
    from monai.networks.nets import AttentionUnet

    return AttentionUnet(2, 1, 1, channels=(4, 8), strides=(2,)), torch.randn(2, 1, 4, 4)


@architecture("monai")
def vnet() -> Made:
    from monai.networks.nets import Regressor

    return Regressor((1, 8, 8), (2,), channels=(4, 8), strides=(2, 2), num_res_units=1), torch.randn(3, 1, 8, 8)


@architecture("monai")
def unetr() -> Made:
    from monai.networks.nets import UNETR

    model = UNETR(1, 1, (16, 16), feature_size=4, hidden_size=16, mlp_dim=16, num_heads=2, spatial_dims=2)
    return Select(model, lambda f: f.mean((2, 3))), torch.randn(2, 1, 16, 16)


@architecture("segmentation-models-pytorch")
def unet_smp() -> Made:
    import segmentation_models_pytorch as smp

    model = smp.Unet("tu-test_resnet", encoder_weights=None, decoder_channels=(16, 8, 8, 8, 4), classes=2)
    return Select(model, lambda f: f.mean((2, 3))), torch.randn(2, 3, 32, 32)


@architecture("diffusers")
def unet_diffusers() -> Made:
    from diffusers import UNet2DModel

    model = UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=4,
        attention_head_dim=8,
    )
    return Select(model, lambda f: f.sample.mean((2, 3))), (torch.randn(2, 1, 8, 8), torch.tensor([3, 700]))


@architecture("diffusers")
def autoencoder_kl() -> Made:
    from diffusers.models.autoencoders.vae import Encoder

    model = Encoder(1, 2, ("DownEncoderBlock2D", "DownEncoderBlock2D"), (8, 8), layers_per_block=1, norm_num_groups=4)
    return model, torch.randn(2, 1, 4, 4)


@architecture("kornia")
def super_resolution() -> Made:
    from kornia.models.rrdbnet import RRDBNet

    return Select(RRDBNet(1, 1, 1, 4, 2, 4), lambda f: f.mean((2, 3))), torch.randn(2, 1, 4, 4)
