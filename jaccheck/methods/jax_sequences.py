"""Recurrent layers and attention on a batch of sequences `(N, steps, features)`, written out in jax.numpy."""

from __future__ import annotations

from typing import Any

Array = Any
"""An array of jax; untyped, since jax is optional."""


def recurrent(module: Any, θ: dict[str, Array], x: Array) -> Array:
    """The outputs at every step of `containers.Recurrent`: layer upon layer, directions side by side."""
    import jax.numpy as jnp

    cell = module.cell
    for depth in range(cell.num_layers):
        directions = []
        for suffix in ("", "_reverse") if cell.bidirectional else ("",):
            kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            own = {kind: θ.get(f"cell.{kind}_l{depth}{suffix}", 0.0) for kind in kinds}
            run = _run(cell, own, x[:, ::-1] if suffix else x)
            directions.append(run[:, ::-1] if suffix else run)
        x = jnp.concatenate(directions, axis=-1)
    return x


def _run(cell: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax.numpy as jnp

    h = c = jnp.zeros((len(x), cell.hidden_size), dtype=x.dtype)
    outputs = []
    for step in range(x.shape[1]):
        inward = x[:, step] @ θ["weight_ih"].T + θ["bias_ih"]
        h, c = _step(cell, inward, h @ θ["weight_hh"].T + θ["bias_hh"], h, c)
        outputs.append(h)
    return jnp.stack(outputs, axis=1)


def _step(cell: Any, inward: Array, across: Array, h: Array, c: Array) -> tuple[Array, Array]:
    """The next state of an RNN, LSTM or GRU, by the formulas in torch's documentation."""
    import jax
    import jax.numpy as jnp

    σ = jax.nn.sigmoid
    if cell.mode == "LSTM":
        i, f, g, o = jnp.split(inward + across, 4, axis=-1)
        c = σ(f) * c + σ(i) * jnp.tanh(g)
        return σ(o) * jnp.tanh(c), c
    if cell.mode == "GRU":
        (r, z, n), (hr, hz, hn) = jnp.split(inward, 3, axis=-1), jnp.split(across, 3, axis=-1)
        z = σ(z + hz)
        return (1 - z) * jnp.tanh(n + σ(r + hr) * hn) + z * h, c
    total = inward + across
    return (jnp.tanh(total) if cell.mode == "RNN_TANH" else jnp.where(total > 0, total, 0.0)), c


def self_attention(module: Any, θ: dict[str, Array], x: Array) -> Array:
    """What `jaccheck.methods.containers.SelfAttention` attends to."""
    import jax
    import jax.numpy as jnp

    N, steps, width = x.shape
    heads = module.attention.num_heads
    joined = x @ θ["attention.in_proj_weight"].T + θ["attention.in_proj_bias"]
    q, k, v = (part.reshape(N, steps, heads, -1).swapaxes(1, 2) for part in jnp.split(joined, 3, axis=-1))
    weights = jax.nn.softmax(q @ k.swapaxes(-1, -2) / (width // heads) ** 0.5, axis=-1)
    out = (weights @ v).swapaxes(1, 2).reshape(N, steps, width)
    return out @ θ["attention.out_proj.weight"].T + θ["attention.out_proj.bias"]
