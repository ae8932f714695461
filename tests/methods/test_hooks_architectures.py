"""`hooks` equals a loop of autograd on small modules as real architectures are made of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from jaccheck_support.hooks import HOOKS, expected_of
from jaccheck_support.small_networks.images import ConvNeXt, Mixer, SqueezeExcite, StandardisedConv, UNet, Video
from jaccheck_support.small_networks.layers import (
    Bilinear,
    Cell,
    HyperPositions,
    Kept,
    LoRA,
    MixtureOfExperts,
    Prototypes,
    Scan,
    Streams,
    WrittenOver,
    parametrized,
    symmetric,
)
from jaccheck_support.small_networks.transformers import (
    GPT2,
    Attention,
    FTTransformer,
    Llama,
    Prompted,
    SelfAttention,
    SequenceFirst,
    ViT,
    encoder,
)
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from jaccheck.methods import Problem

TOKENS = torch.randint(0, 7, (5, 4), generator=torch.Generator().manual_seed(0))


def numbers(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


ARCHITECTURES: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "ViT by hand": (lambda: ViT(by_hand=True), numbers(3, 1, 4, 4)),
    "ViT": (lambda: ViT(by_hand=False), numbers(3, 1, 4, 4)),
    "ViT of one sample": (lambda: ViT(by_hand=False), numbers(1, 1, 4, 4)),
    "ViT with as many samples as tokens": (lambda: ViT(by_hand=False, expands=False), numbers(5, 1, 4, 4)),
    "ViT with as many samples as heads": (lambda: ViT(by_hand=True), numbers(2, 1, 4, 4)),
    "fused attention with a bias": (lambda: Attention(4, 2, fused=True), numbers(3, 5, 4)),
    "fused attention, as many samples as heads": (lambda: Attention(4, 2, fused=True), numbers(2, 5, 4)),
    "GPT-2": (GPT2, TOKENS[:3]),
    "GPT-2 with positions for each sample": (lambda: GPT2(row=False), TOKENS),
    "GPT-2 with as many samples as steps": (GPT2, TOKENS[:4]),
    "Llama": (Llama, TOKENS),
    "ConvNeXt": (ConvNeXt, numbers(3, 1, 4, 4)),
    "UNet": (UNet, numbers(2, 1, 4, 4)),
    "FT-Transformer": (FTTransformer, numbers(3, 4)),
    "FT-Transformer with as many samples as features": (FTTransformer, numbers(4, 4)),
    "Mixer": (Mixer, numbers(3, 4, 3)),
    "Mixer with as many samples as tokens": (Mixer, numbers(4, 4, 3)),
    "squeeze and excite": (SqueezeExcite, numbers(3, 1, 4, 4)),
    "LoRA": (lambda: LoRA(merged=False), numbers(3, 4)),
    "LoRA merged": (lambda: LoRA(merged=True), numbers(3, 4)),
    "weight standardisation": (lambda: nn.Sequential(StandardisedConv(1, 2, 2), nn.Flatten()), numbers(3, 1, 3, 3)),
    "experts by einsum": (lambda: MixtureOfExperts("einsum"), numbers(3, 3)),
    "experts by matmul": (lambda: MixtureOfExperts("matmul"), numbers(2, 3)),
    "experts by bmm": (lambda: MixtureOfExperts("bmm"), numbers(4, 3)),
    "experts one by one": (lambda: MixtureOfExperts("each"), numbers(4, 3)),
    "state space": (Scan, numbers(3, 3, 3)),
    "state space, as many samples as states": (Scan, numbers(4, 4, 3)),
    "cell": (lambda: Cell("zeros"), numbers(3, 2, 3)),
    "cell with a learned state": (lambda: Cell("learned"), numbers(3, 3, 3)),
    "cell with a broadcast state": (lambda: Cell("broadcast"), numbers(4, 4, 3)),
    "positions of a network": (HyperPositions, numbers(3, 4, 3)),
    "positions of a network, as many as samples": (HyperPositions, numbers(4, 4, 3)),
    "prompts": (Prompted, TOKENS),
    "prototypes": (Prototypes, numbers(4, 3)),
    "video": (lambda: Video(frames_first=False), numbers(3, 2, 1, 3, 3)),
    "video, frames first": (lambda: Video(frames_first=True), numbers(3, 2, 1, 3, 3)),
    "bilinear": (Bilinear, numbers(3, 4, 3)),
    "changes in place": (WrittenOver, numbers(3, 4, 3)),
    "changes in place, as many samples as steps": (WrittenOver, numbers(4, 4, 3)),
    "streams": (Streams, numbers(4, 3)),
    "functional call": (Kept, numbers(4, 3)),
    "weight norm": (lambda: parametrized(parametrizations.weight_norm), numbers(4, 3)),
    "spectral norm": (lambda: parametrized(parametrizations.spectral_norm), numbers(4, 3)),
    "orthogonal": (lambda: parametrized(parametrizations.orthogonal), numbers(4, 3)),
    "symmetric": (lambda: parametrized(symmetric), numbers(4, 3)),
    "encoder": (lambda: encoder(batch_first=True), numbers(3, 5, 4)),
    "encoder, norm first": (lambda: encoder(batch_first=True, norm_first=True), numbers(4, 4, 4)),
    "encoder, sequence first": (lambda: SequenceFirst(encoder()), numbers(3, 5, 4)),
    "encoder, sequence first, as long as the batch": (lambda: SequenceFirst(encoder()), numbers(3, 3, 4)),
    "attention with biases": (
        lambda: SelfAttention(nn.MultiheadAttention(4, 2, add_bias_kv=True, kdim=4, vdim=4)),
        numbers(3, 5, 4),
    ),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture(name: str) -> None:
    """Every parameter's Jacobian, within rounding of float64."""
    make, X = ARCHITECTURES[name]
    torch.manual_seed(0)
    model = make().double().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape).double() / 4)
        C = model(X).numel() // len(X)
    problem = Problem(model, X, C)
    assert HOOKS.refuses(problem) is None
    found, expected = HOOKS.compute(problem), expected_of(problem)
    for key, right in expected.items():
        torch.testing.assert_close(found[key], right, rtol=1e-9, atol=1e-9 * max(1.0, float(right.abs().max())))
