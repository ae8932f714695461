"""Convolutional networks for images."""

from __future__ import annotations

import torch

from . import Made, architecture, first_outputs


def images(size: int, N: int = 2) -> torch.Tensor:
    return torch.randn(N, 3, size, size)


@architecture("timm")
def resnet() -> Made:
    from timm.models.resnet import BasicBlock, ResNet

    return ResNet(BasicBlock, (1, 1, 1, 1), channels=(8, 8, 16, 16), stem_width=8, num_classes=3), images(32)


@architecture("timm")
def convnext() -> Made:
    from timm.models.convnext import ConvNeXt

    return ConvNeXt(depths=(1, 1, 1, 1), dims=(8, 16, 16, 32), num_classes=3), images(32)


@architecture("timm")
def mixer() -> Made:
    from timm.models.mlp_mixer import MlpMixer

    return MlpMixer(num_classes=3, img_size=16, patch_size=8, num_blocks=2, embed_dim=24), images(16, 3)


@architecture("timm")
def efficientnet_timm() -> Made:
    import timm

    return timm.create_model("test_efficientnet", num_classes=2), images(32)


@architecture("timm")
def nfnet() -> Made:
    import timm

    return timm.create_model("test_nfnet", num_classes=2), images(32)


@architecture("timm")
def mambaout() -> Made:
    import timm

    return timm.create_model("test_mambaout", num_classes=2), images(32)


@architecture("timm")
def byobnet() -> Made:
    import timm

    return timm.create_model("test_byobnet", num_classes=2), images(32)


@architecture("torchvision")
def squeezenet() -> Made:
    from torchvision.models import SqueezeNet

    return SqueezeNet(version="1_1", num_classes=2), images(32)


@architecture("torchvision")
def mobilenet_v2() -> Made:
    from torchvision.models import MobileNetV2

    setting = [[1, 8, 1, 1], [3, 8, 1, 2], [3, 16, 2, 2], [3, 16, 1, 2]]
    return MobileNetV2(num_classes=3, width_mult=0.1, inverted_residual_setting=setting), images(32)


@architecture("torchvision")
def shufflenet_v2() -> Made:
    from torchvision.models import ShuffleNetV2

    return ShuffleNetV2([1, 2, 1], [8, 16, 24, 32, 48], num_classes=3), images(32)


@architecture("torchvision")
def densenet() -> Made:
    from torchvision.models import DenseNet

    return DenseNet(growth_rate=4, block_config=(2, 2, 2), num_init_features=8, bn_size=2, num_classes=3), images(32)


@architecture("torchvision")
def video_resnet() -> Made:
    from torchvision.models.video.resnet import BasicBlock, BasicStem, Conv3DSimple, VideoResNet

    model = VideoResNet(BasicBlock, [Conv3DSimple] * 4, [1, 0, 0, 0], BasicStem, num_classes=2)
    model.layer2, model.layer3, model.layer4 = (torch.nn.Identity() for _ in range(3))
    model.fc = torch.nn.Linear(64, 2)
    return model, torch.randn(2, 3, 2, 8, 8)


@architecture("efficientnet-pytorch")
def efficientnet() -> Made:
    from efficientnet_pytorch import EfficientNet

    model = EfficientNet.from_name("efficientnet-b0", width_coefficient=0.1, depth_coefficient=0.1, num_classes=2)
    return model, images(32)


@architecture("kornia")
def hardnet() -> Made:
    from kornia.feature import HardNet

    return first_outputs(HardNet(pretrained=False), 2), torch.randn(2, 1, 32, 32)


@architecture("kornia")
def tfeat() -> Made:
    from kornia.feature import TFeat

    return first_outputs(TFeat(pretrained=False), 2), torch.randn(2, 1, 32, 32)


@architecture("kornia")
def hynet() -> Made:
    from kornia.feature import HyNet

    return first_outputs(HyNet(pretrained=False), 1), torch.randn(2, 1, 32, 32)
