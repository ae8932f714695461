"""What torch.compile makes of a model runs as it was written while somebody looks on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn

from jaccheck.judging.compiled import as_written, is_compiled


class Doubled(nn.Module):
    """A forward pass of its own: torch compiles each only some times in a process, and Linear's is others' as well."""

    def forward(self, X: Tensor) -> Tensor:
        return 2 * X


@pytest.mark.skipif(not hasattr(torch.compiler, "set_stance"), reason="before torch 2.6 nothing asks for that")
def test_nothing_is_compiled_while_it_is_entered() -> None:
    """Of a model for which the compiler has been loaded, but is asked for the first time."""
    compiled: list[fx.GraphModule] = []

    def backend(graph: fx.GraphModule, inputs: list[Any]) -> Callable[..., Any]:
        compiled.append(graph)
        return graph.forward

    model = torch.compile(Doubled(), backend=backend)
    assert is_compiled(model)
    with as_written():
        model(torch.zeros(1, 2))
    assert not compiled
    model(torch.zeros(1, 2))
    assert compiled
