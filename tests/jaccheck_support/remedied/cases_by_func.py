"""Models on which methods of torch.func, and those that use it, crash, and the same ones with the remedy."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from jaccheck_support.remedied.by_hand import (
    Cube,
    InTwo,
    OldCube,
    Slope,
    Slopes,
    Solving,
    Stepped,
    UnmappedCube,
    Untangent,
)
from jaccheck_support.remedied.lookups import POOLED, bag, embedded, multiplied, one_hot, weighted
from jaccheck_support.remedied.recurrent import (
    attention,
    attention_by_math,
    encoder,
    packed,
    recurrent,
    steps,
    without_state,
)
from jaccheck_support.remedied.written import (
    X4,
    X343,
    Made,
    activated,
    by_boolean,
    by_dense_matrix,
    by_item,
    by_sparse_matrix,
    by_where,
    copied_into_buffer,
    counted,
    cut_by_numbers,
    cut_by_tensor,
    into_columns,
    into_own_columns,
    into_shared,
    into_zeros,
    into_zeros_like,
    sequential,
    slice_by_value,
    written,
)

CASES: list[tuple[str, Callable[[], Made], Callable[[], Made]]] = [
    ("vmap_jacfwd", lambda: written(attention), lambda: written(attention_by_math)),
    ("vmap_jacfwd", lambda: encoder(by_math=False), lambda: encoder(by_math=True)),
    ("vmap_vjp", lambda: written(by_item), lambda: written(by_where)),
    (
        "vmap_jacrev",
        lambda: written(lambda model, h: h + 0 * torch.randn_like(h)),
        lambda: written(lambda model, h: h + 0 * model.noise, noise=torch.randn(6)),
    ),
    (
        "vmap_vjp",
        lambda: written(lambda model, h: h[torch.nonzero(h[:, 0] > -1e9)[:, 0]]),
        lambda: written(lambda model, h: torch.where(h[:, :1] > -1e9, h, 0.0)),
    ),
    (
        "vmap_vjp",
        lambda: written(lambda model, h: torch.masked_select(h, h > -1e9).reshape(h.shape)),
        lambda: written(lambda model, h: h * (h > -1e9)),
    ),
    ("vmap_vjp", lambda: written(cut_by_tensor), lambda: written(cut_by_numbers)),
    (
        "vmap_vjp",
        lambda: sequential(nn.Linear(4, 2), nn.RReLU()),
        lambda: sequential(nn.Linear(4, 2), nn.LeakyReLU(11 / 48)),
    ),
    (
        "func_jacrev",
        lambda: written(lambda model, h: OldCube.apply(h)),
        lambda: written(lambda model, h: Cube.apply(h)),
    ),
    (
        "vmap_jacfwd",
        lambda: written(lambda model, h: OldCube.apply(h)),
        lambda: written(lambda model, h: Cube.apply(h)),
    ),
    (
        "vmap_vjp",
        lambda: written(lambda model, h: UnmappedCube.apply(h)),
        lambda: written(lambda model, h: Cube.apply(h)),
    ),
    (
        "func_jacrev",
        lambda: written(lambda model, h: checkpoint(torch.tanh, h, use_reentrant=False)),
        lambda: written(lambda model, h: torch.tanh(h)),
    ),
    (
        "vmap_jacrev",
        lambda: written(lambda model, h: h * torch.from_numpy(h.detach().numpy() > -1e9)),
        lambda: written(lambda model, h: h * (h.detach() > -1e9)),
    ),
    ("func_jacrev", lambda: embedded(sparse=True), lambda: embedded(sparse=False)),
    (
        "func_jacrev",
        lambda: written(counted, count=torch.zeros(())),
        lambda: (written(counted, count=torch.zeros(()))[0].eval(), X4),
    ),
    ("vmap_vjp", lambda: written(into_zeros), lambda: written(into_zeros_like)),
    *(
        ("vmap_jacfwd", lambda mode=mode: bag(mode, is_bag=True), lambda mode=mode: bag(mode, is_bag=False))
        for mode in POOLED
    ),
    ("func_jacrev", lambda: packed(is_packed=True), lambda: packed(is_packed=False)),
    *(
        (method, lambda how=how, kind=kind: steps(how, kind), lambda kind=kind: steps("cell", kind))
        for method in ("vmap_vjp", "vmap_jacrev", "vmap_jacfwd", "expanded_parameters")
        for how, kind in (("layer", "GRU"), ("packed", "GRU"), ("layer", "RNN"))
    ),
    ("vmap_vjp", lambda: steps("packed", "LSTM"), lambda: steps("cell", "LSTM")),
    *(("expanded_parameters", lambda how=how: steps(how, "LSTM"), lambda: steps("gates")) for how in ("layer", "cell")),
    ("vmap_jacfwd", lambda: weighted(is_bag=True), lambda: weighted(is_bag=False)),
    ("vmap_vjp", lambda: multiplied(is_sparse=True), lambda: multiplied(is_sparse=False)),
    ("vmap_vjp", lambda: without_state(is_given=False), lambda: without_state(is_given=True)),
    (
        "vmap_vjp",
        lambda: written(lambda m, h: m.cell(h, 2 * (m.b.bias[:1].expand(len(h), 6),))[0], cell=nn.LSTMCell(6, 6)),
        lambda: written(lambda m, h: m.cell(h, 2 * (m.b.bias[:1] + 0 * h,))[0], cell=nn.LSTMCell(6, 6)),
    ),
    (
        "expanded_parameters",
        lambda: written(into_shared, seen=torch.zeros(6)),
        lambda: written(lambda model, h: h.tanh(), seen=torch.zeros(6)),
    ),
    *(
        (method, lambda: one_hot(is_by_rows=False), lambda: one_hot(is_by_rows=True))
        for method in ("vmap_vjp", "vmap_jacfwd")
    ),
    *(
        (method, lambda: written(slice_by_value), lambda: written(lambda model, h: h * (torch.arange(6) < 6)))
        for method in ("vmap_vjp", "expanded_parameters")
    ),
    (
        "expanded_parameters",
        lambda: written(lambda model, h: h if h.abs().sum() > 1 else 2 * h),
        lambda: written(by_where),
    ),
    ("vmap_vjp", lambda: written(by_boolean), lambda: written(by_where)),
    ("vmap_vjp", lambda: written(into_columns), lambda: written(into_own_columns)),
    ("vmap_vjp", lambda: (Slopes(), X4), lambda: (Slope(), X4)),
    ("func_jacfwd", lambda: (Stepped(is_by_func=False), X4), lambda: (Stepped(is_by_func=True), X4)),
    ("vmap_vjp", lambda: (torch.jit.script(activated(inplace=False)[0]), X4), lambda: activated(inplace=False)),
    ("vmap_vjp", lambda: (Solving(is_expanded=False), X343[..., 0]), lambda: (Solving(is_expanded=True), X343[..., 0])),
    ("func_jacrev", lambda: (Solving(is_expanded=False), X343[..., 0]), lambda: (Solving(is_expanded=True), X4)),
    *(
        (
            method,
            lambda: (InTwo(lambda layers, X: checkpoint(layers, X, use_reentrant=False)), X4),
            lambda: (InTwo(lambda layers, X: layers(X)), X4),
        )
        for method in ("expanded_parameters", "vmap_vjp")
    ),
    *(
        (
            method,
            lambda: (InTwo(lambda layers, X: checkpoint(layers[1], layers[0](X), use_reentrant=True)), X4),
            lambda: (InTwo(lambda layers, X: layers(X)), X4),
        )
        for method in ("expanded_parameters", "vmap_vjp", "func_jacfwd")
    ),
    (
        "vmap_vjp",
        lambda: (InTwo(lambda layers, X: checkpoint_sequential(layers, 2, X, use_reentrant=False)), X4),
        lambda: (InTwo(lambda layers, X: layers(X)), X4),
    ),
    ("func_jacfwd", lambda: written(lambda m, h: Untangent.apply(h)), lambda: written(lambda m, h: Cube.apply(h))),
    (
        "vmap_vjp",
        lambda: written(lambda m, h: torch.stack([z * len(z.tolist()) for z in h])),
        lambda: written(lambda m, h: torch.stack([z * len(z) for z in h])),
    ),
    ("func_jacfwd", lambda: written(by_sparse_matrix), lambda: written(by_dense_matrix)),
    (
        "func_jacfwd",
        lambda: written(lambda model, h: h @ torch._weight_norm(model.a.weight, torch.ones(6, 1)), 4),
        lambda: written(lambda model, h: h @ (model.a.weight / model.a.weight.norm(dim=1, keepdim=True)), 4),
    ),
    (
        "expanded_parameters",
        lambda: written(copied_into_buffer, seen=torch.zeros(6)),
        lambda: written(lambda model, h: h.tanh(), seen=torch.zeros(6)),
    ),
]
"""A method, a model on which it crashes, and the same model with the remedy."""

KNOWN: list[tuple[str, Callable[[], Made], str]] = [
    ("vmap_jacfwd", lambda: recurrent(by_onednn=True), "torch-vmap-recurrent"),
    ("vmap_vjp", lambda: recurrent(by_onednn=False), "torch-vmap-recurrent"),
    ("vmap_jacfwd", lambda: encoder(by_math=False), "torch-forward-mode-attention"),
    (
        "vmap_vjp",
        lambda: (nn.Sequential(nn.Linear(4, 5), nn.PReLU(), nn.LayerNorm(5), nn.Linear(5, 7)), torch.randn(3, 4)),
        "torch-vmap-prelu",
    ),
    (
        "vmap_vjp",
        lambda: written(lambda m, h: nn.functional.layer_norm(nn.functional.prelu(h, m.a.bias[:1]), (6,))),
        "torch-vmap-prelu",
    ),
]
"""A method, a model on which it crashes, and the known issue that this is."""
