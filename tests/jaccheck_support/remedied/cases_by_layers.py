"""Models on which BackPACK and ExpandedWeights, which follow layers, crash, and the same ones with the remedy."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from jaccheck_support.remedied.by_hand import (
    InTwo,
    Placed,
    Signs,
    Slope,
    Slopes,
    Turned,
)
from jaccheck_support.remedied.lookups import looked_up
from jaccheck_support.remedied.recurrent import (
    recurrent,
)
from jaccheck_support.remedied.several_outputs import OneByOne, by_a_hook, heads, last_state, turned
from jaccheck_support.remedied.written import (
    X4,
    X343,
    Made,
    activated,
    added_in_place,
    by_function,
    convolved,
    on_tokens,
    sequential,
    written,
)

CASES: list[tuple[str, Callable[[], Made], Callable[[], Made]]] = [
    ("batch_grad_loop", lambda: activated(inplace=True), lambda: activated(inplace=False)),
    ("batch_grad_repeated", lambda: written(added_in_place), lambda: written(lambda model, h: torch.tanh(h + 1))),
    ("sqrt_ggn_sum", on_tokens, lambda: on_tokens(nn.Flatten())),
    ("sqrt_ggn_cross_entropy", on_tokens, lambda: on_tokens(nn.Flatten())),
    ("sqrt_ggn_mean", lambda: convolved(nn.Conv2d(2, 2, 1)), lambda: convolved(nn.Conv2d(2, 2, 1), nn.Flatten())),
    ("expanded_weights", lambda: recurrent(by_onednn=True), lambda: recurrent(by_onednn=False)),
    ("expanded_weights", lambda: looked_up(lambda m, i: m(i)), lambda: looked_up(lambda m, i: m(i[:, None])[:, 0])),
    *(
        (method, lambda: (Placed(is_for_each=False), X343), lambda: (Placed(is_for_each=True), X343))
        for method in ("batch_grad_loop", "batch_grad_repeated", "expanded_weights")
    ),
    (
        "expanded_weights",
        lambda: (InTwo(lambda layers, X: checkpoint(layers, X, use_reentrant=False)), X4),
        lambda: (InTwo(lambda layers, X: layers(X)), X4),
    ),
    (
        "expanded_weights",
        lambda: written(lambda m, h: h + by_function(m.each, h.new_ones(1, 6)), each=nn.Linear(6, 6)),
        lambda: written(lambda m, h: h + by_function(m.each, h.new_ones(len(h), 6)), each=nn.Linear(6, 6)),
    ),
    *(
        (
            method,
            lambda: written(lambda model, h: torch.stack([model.each(z) for z in h]), each=nn.Linear(6, 6)),
            lambda: written(lambda model, h: model.each(h), each=nn.Linear(6, 6)),
        )
        for method in ("batch_grad_loop", "expanded_weights")
    ),
    *(
        (method, heads, lambda how=how: heads(how))
        for method in ("batch_grad_loop", "batch_grad_repeated", "batch_grad_subsampled")
        for how in (dict, list)
    ),
    *(
        (method, lambda: last_state("state"), lambda: last_state("outputs"))
        for method in ("batch_grad_loop", "batch_grad_layers")
    ),
    *(
        (
            method,
            lambda: written(lambda m, h: torch.tanh(m.each(input=h)), each=nn.Linear(6, 6)),
            lambda: written(lambda m, h: torch.tanh(m.each(h)), each=nn.Linear(6, 6)),
        )
        for method in ("batch_grad_loop", "batch_grad_subsampled")
    ),
    (
        "sqrt_ggn_sum",
        lambda: by_a_hook(sequential(nn.Linear(4, 6), nn.Linear(6, 2))),
        lambda: sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)),
    ),
    *(
        (method, lambda: turned(is_first=False), lambda: turned(is_first=True))
        for method in ("batch_grad_loop", "batch_grad_repeated", "expanded_weights")
    ),
    ("expanded_weights", lambda: (OneByOne(by_vmap=True), X4), lambda: (OneByOne(by_vmap=False), X4)),
]
"""A method, a model on which it crashes, and the same model with the remedy."""

KNOWN: list[tuple[str, Callable[[], Made], str]] = [
    ("expanded_weights", lambda: recurrent(by_onednn=True), "torch-expanded-weights-lstm"),
    (
        "batch_grad_loop",
        lambda: written(lambda model, h: model.twice(model.twice(h)), twice=nn.Linear(6, 6)),
        "module-used-twice",
    ),
    ("expanded_weights", lambda: (Turned(), X343), "torch-expanded-weights-conv-view"),
    *(
        (method, heads, "output-without-gradient")
        for method in ("batch_grad_loop", "batch_grad_repeated", "batch_grad_subsampled")
    ),
    (
        "batch_grad_loop",
        lambda: written(lambda m, h: torch.tanh(m.each(input=h)), each=nn.Linear(6, 6)),
        "keyword-arguments",
    ),
    ("batch_grad_layers", lambda: last_state("state"), "recurrent-second-output"),
    *(
        (method, lambda: (Slopes(), X4), "double-backward")
        for method in ("batch_grad_loop", "batch_grad_layers", "batch_grad_repeated", "batch_grad_subsampled")
    ),
]
"""A method, a model on which it crashes, and the known issue that this is."""

NOTHING: list[tuple[str, Callable[[], Made], list[str]]] = [
    ("batch_grad_loop", lambda: (Slopes(), X4), ["autograd_batched"]),
    ("batch_grad_loop", lambda: (Slope(), X4), ["autograd_batched", "vmap_vjp"]),
    ("expanded_weights", lambda: (Slope(), X4), ["autograd_batched", "vmap_vjp"]),
    ("expanded_weights", lambda: (Signs(), X4), ["autograd_batched", "vmap_vjp"]),
]
"""A method, a model on which it crashes whatever one changes, and the methods that are told to be right on it."""
