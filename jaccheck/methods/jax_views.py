"""Views of each sample, padding and embeddings of constants, written out in jax.numpy."""

from __future__ import annotations

from typing import Any

Array = Any
"""An array of jax; untyped, since jax is optional."""


def permuted(module: Any, θ: dict[str, Array], x: Array) -> Array:
    """`containers.Permute`."""
    return x.transpose(0, *module.order)


def transposed(module: Any, θ: dict[str, Array], x: Array) -> Array:
    """`containers.Transpose`."""
    return x.swapaxes(module.first, module.second)


def taken(module: Any, θ: dict[str, Array], x: Array) -> Array:
    """`containers.Slice` and `containers.Take`."""
    import jax.numpy as jnp

    return x[tuple(jnp.asarray(each) if isinstance(each, list) else each for each in module.index)]


def padded(module: Any, θ: dict[str, Array], x: Array) -> Array:
    """`containers.Pad`; margins below zero cut off."""
    from jax import lax

    pairs = list(zip(module.padding[::2], module.padding[1::2], strict=True))
    margins = [(0, 0)] * (x.ndim - len(pairs)) + pairs[::-1]
    return lax.pad(x, x.dtype.type(module.value), [(before, after, 0) for before, after in margins])


def constants_embedded(module: Any, θ: dict[str, Array], x: Array) -> Array:
    """`containers.AddEmbedding`."""
    return x + θ["embedding.weight"][module.indices.numpy()]
