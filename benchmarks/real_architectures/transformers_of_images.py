"""Transformers for images."""

from __future__ import annotations

from . import Made, architecture, first_outputs
from .vision import images


@architecture("timm")
def vit_timm() -> Made:
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(16, 8, embed_dim=24, depth=2, num_heads=2, num_classes=3), images(16, 3)


@architecture("torchvision")
def swin() -> Made:
    from torchvision.models import SwinTransformer

    return SwinTransformer([2, 2], 12, [2, 2], [2, 4], [2, 2], num_classes=3), images(16)


@architecture("torchvision")
def vit_torchvision() -> Made:
    from torchvision.models import VisionTransformer

    return VisionTransformer(16, 8, 2, 2, 24, 48, num_classes=3), images(16, 3)


@architecture("vit-pytorch")
def vit() -> Made:
    from vit_pytorch import ViT

    return ViT(image_size=16, patch_size=8, num_classes=3, dim=16, depth=2, heads=2, dim_head=8, mlp_dim=32), images(
        16, 3
    )


@architecture("vit-pytorch")
def simple_vit() -> Made:
    from vit_pytorch.simple_vit import SimpleViT

    return SimpleViT(
        image_size=16, patch_size=8, num_classes=3, dim=16, depth=2, heads=2, dim_head=8, mlp_dim=32
    ), images(16, 3)


@architecture("vit-pytorch")
def cait() -> Made:
    from vit_pytorch.cait import CaiT

    return CaiT(
        image_size=16, patch_size=8, num_classes=3, dim=16, depth=2, cls_depth=1, heads=2, dim_head=8, mlp_dim=32
    ), images(16, 3)


@architecture("vit-pytorch")
def deepvit() -> Made:
    from vit_pytorch.deepvit import DeepViT

    return DeepViT(
        image_size=16, patch_size=8, num_classes=3, dim=16, depth=2, heads=2, dim_head=8, mlp_dim=32
    ), images(16, 3)


@architecture("vit-pytorch")
def cct() -> Made:
    from vit_pytorch.cct import CCT

    return CCT(
        img_size=16,
        embedding_dim=16,
        n_conv_layers=1,
        kernel_size=3,
        num_layers=1,
        num_heads=2,
        mlp_ratio=1.0,
        num_classes=3,
    ), images(16)


@architecture("vit-pytorch")
def xcit() -> Made:
    from vit_pytorch.xcit import XCiT

    return XCiT(
        image_size=16, patch_size=4, num_classes=3, dim=16, depth=1, cls_depth=1, heads=2, dim_head=8, mlp_dim=32
    ), images(16)


@architecture("vit-pytorch")
def mobile_vit() -> Made:
    from vit_pytorch.mobile_vit import MobileViT

    return MobileViT(
        image_size=(32, 32),
        dims=[8, 12, 16],
        channels=[8, 8, 8, 8, 12, 12, 12, 12, 16, 16, 32],
        num_classes=2,
        depths=(1, 1, 1),
        patch_size=(1, 1),
    ), images(32)


@architecture("vit-pytorch")
def levit() -> Made:
    from vit_pytorch.levit import LeViT

    return LeViT(
        image_size=32, num_classes=2, dim=(8, 12), depth=1, heads=(1, 2), mlp_mult=2, stages=2, dim_key=4, dim_value=4
    ), images(32)


@architecture("vit-pytorch")
def cvt() -> Made:
    from vit_pytorch.cvt import CvT

    return CvT(
        num_classes=2,
        s1_emb_dim=8,
        s1_depth=1,
        s2_emb_dim=8,
        s2_heads=1,
        s2_depth=1,
        s3_emb_dim=12,
        s3_heads=1,
        s3_depth=1,
    ), images(16)


@architecture("kornia")
def vit_kornia() -> Made:
    from kornia.models.vit import VisionTransformer

    model = VisionTransformer(image_size=16, patch_size=8, in_channels=3, embed_dim=16, depth=2, num_heads=2)
    return first_outputs(model, 2), images(16)


@architecture("transformers")
def vit_transformers() -> Made:
    from transformers import ViTConfig, ViTForImageClassification

    from . import Select

    config = ViTConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=16,
        patch_size=8,
        num_labels=3,
    )
    return Select(ViTForImageClassification(config), lambda f: f.logits), images(16)


@architecture("perceiver-pytorch")
def perceiver() -> Made:
    from perceiver_pytorch import Perceiver

    model = Perceiver(
        num_freq_bands=2,
        depth=1,
        max_freq=4.0,
        input_channels=3,
        num_latents=4,
        latent_dim=16,
        cross_dim_head=8,
        latent_heads=2,
        latent_dim_head=8,
        num_classes=3,
    )
    return model, images(6).movedim(1, -1).contiguous()
