"""Attention, and recurrent layers and cells, as forward passes call them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils.rnn import pack_padded_sequence

from jaccheck_support.remedied.written import X343, Made, Written, written


def attention(model: Written, h: Tensor) -> Tensor:
    tokens = h.reshape(-1, 1, 3, 2)
    return nn.functional.scaled_dot_product_attention(tokens, tokens, tokens).flatten(1)


def attention_by_math(model: Written, h: Tensor) -> Tensor:
    with sdpa_kernel(SDPBackend.MATH):
        return attention(model, h)


class Encoder(nn.Module):
    def __init__(self, *, by_math: bool) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        self.by_math = by_math

    def forward(self, X: Tensor) -> Tensor:
        if not self.by_math:
            return self.layer(X).flatten(1)
        torch.backends.mha.set_fastpath_enabled(False)
        with sdpa_kernel(SDPBackend.MATH):
            return self.layer(X).flatten(1)


def encoder(*, by_math: bool) -> Made:
    torch.manual_seed(0)
    return Encoder(by_math=by_math).eval(), torch.randn(2, 3, 4)


class Recurrent(nn.Module):
    def __init__(self, *, by_onednn: bool) -> None:
        super().__init__()
        self.lstm, self.out, self.by_onednn = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2), by_onednn

    def forward(self, X: Tensor) -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch sets TF32 as well, which a processor does not have
            with torch.backends.mkldnn.flags(enabled=self.by_onednn):
                return self.out(self.lstm(X)[0][:, -1])


def recurrent(*, by_onednn: bool) -> Made:
    torch.manual_seed(0)
    return Recurrent(by_onednn=by_onednn), X343


class Steps(nn.Module):
    """A recurrent layer over whole sequences, packed or not, or its cell for one step after the other."""

    def __init__(self, how: str, kind: str = "GRU") -> None:
        super().__init__()
        self.how, self.out = how, nn.Linear(4, 2)
        made: dict[str, Callable[[], nn.Module]] = {
            "cell": lambda: getattr(nn, f"{kind}Cell")(3, 4),
            "gates": lambda: nn.ModuleList([nn.Linear(3, 16), nn.Linear(4, 16)]),
        }
        self.cell: Any = made.get(how, lambda: getattr(nn, kind)(3, 4, batch_first=True))()

    def forward(self, X: Tensor) -> Tensor:
        if self.how == "gates":
            return self.out(self._by_gates(X))
        if self.how == "cell":
            zeros = X.new_zeros(len(X), 4)
            state = (zeros, zeros) if isinstance(self.cell, nn.LSTMCell) else zeros
            for step in X.unbind(1):
                state = self.cell(step, state)
            return self.out(state[0] if isinstance(state, tuple) else state)
        if self.how == "layer":
            return self.out(self.cell(X)[0][:, -1])
        packed = pack_padded_sequence(X, [X.shape[1]] * len(X), batch_first=True)
        return self.out(self.cell(packed)[1][-1])

    def _by_gates(self, X: Tensor) -> Tensor:
        """The last state of an LSTM, whose cell is two Linears here."""
        h = c = X.new_zeros(len(X), 4)
        for step in X.unbind(1):
            i, f, g, o = (self.cell[0](step) + self.cell[1](h)).chunk(4, -1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        return h


def steps(how: str, kind: str = "GRU") -> Made:
    torch.manual_seed(0)
    return Steps(how, kind), X343


class Packed(nn.Module):
    """The last step of each sequence: of one that is packed, or of the padded one."""

    def __init__(self, *, is_packed: bool) -> None:
        super().__init__()
        self.rnn, self.out, self.is_packed = nn.GRU(3, 4, batch_first=True), nn.Linear(4, 2), is_packed

    def forward(self, X: Tensor) -> Tensor:
        lengths = torch.full((len(X),), 2)
        if self.is_packed:
            return self.out(self.rnn(pack_padded_sequence(X, lengths, batch_first=True))[1][-1])
        last = (lengths - 1)[:, None, None].expand(-1, 1, 4)
        return self.out(self.rnn(X)[0].gather(1, last)[:, 0])


def packed(*, is_packed: bool) -> Made:
    torch.manual_seed(0)
    return Packed(is_packed=is_packed), X343


def without_state(*, is_given: bool) -> Made:
    def middle(model: Written, h: Tensor) -> Tensor:
        return model.cell(h, h.new_zeros(len(h), 5) if is_given else None)

    return written(middle, 5, cell=nn.GRUCell(6, 5))
