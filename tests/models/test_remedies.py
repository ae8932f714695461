"""Each remedy in the table works: a method that crashed on a model for that reason runs once it is applied."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils._python_dispatch import _len_torch_dispatch_stack
from torch.utils.checkpoint import checkpoint

import jaccheck
from jaccheck.judging import LAYER_ISSUES, operations_of
from jaccheck.methods import Problem, calm_torch, copy_of, find_method
from jaccheck.models.remedies import REMEDIES, remedy_of
from jaccheck.reports import Outcome, raised

Made = tuple[nn.Module, Tensor]
X4, X343, INDEX = torch.randn(5, 4), torch.randn(3, 4, 3), torch.arange(15).reshape(5, 3) % 7


class Written(nn.Module):
    """Linear, what `middle` makes of it, Linear; `more` are modules and buffers that it can use."""

    def __init__(self, middle: Callable[[Written, Tensor], Tensor], width: int = 6, **more: nn.Module | Tensor) -> None:
        super().__init__()
        self.a, self.b, self.middle = nn.Linear(4, 6), nn.Linear(width, 2), middle
        for name, each in more.items():
            self.add_module(name, each) if isinstance(each, nn.Module) else self.register_buffer(name, each)

    def forward(self, X: Tensor) -> Tensor:
        return self.b(self.middle(self, self.a(X)))


def written(middle: Callable[[Written, Tensor], Tensor], width: int = 6, **more: nn.Module | Tensor) -> Made:
    torch.manual_seed(0)
    return Written(middle, width, **more), X4


def sequential(*layers: nn.Module, X: Tensor = X4) -> Made:
    torch.manual_seed(0)
    return nn.Sequential(*layers).eval(), X


def activated(*, inplace: bool) -> Made:
    return sequential(nn.Linear(4, 6), nn.ReLU(inplace=inplace), nn.Linear(6, 2))


def added_in_place(model: Written, h: Tensor) -> Tensor:
    h += 1
    return torch.tanh(h)


def on_tokens(*last: nn.Module) -> Made:
    return sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2), *last, X=X343)


def convolved(*last: nn.Module) -> Made:
    return sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), *last, X=torch.randn(3, 1, 4, 4))


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


class OneHot(nn.Module):
    """A perceptron of indices, as rows of ones and zeros."""

    def __init__(self, *, is_by_rows: bool) -> None:
        super().__init__()
        self.a, self.b, self.is_by_rows = nn.Linear(7, 4), nn.Linear(4, 2), is_by_rows

    def forward(self, X: Tensor) -> Tensor:
        hot = torch.eye(7)[X] if self.is_by_rows else nn.functional.one_hot(X, 7).float()
        return self.b(torch.tanh(self.a(hot)))


def one_hot(*, is_by_rows: bool) -> Made:
    torch.manual_seed(0)
    return OneHot(is_by_rows=is_by_rows), INDEX[:, 0]


def by_boolean(model: Written, h: Tensor) -> Tensor:
    h = h.clone()
    h[h < 0] = 0
    return h


def into_columns(model: Written, h: Tensor) -> Tensor:
    made = torch.zeros(len(h), 6)
    made[:, torch.arange(6)] = h
    return torch.tanh(made)


def into_own_columns(model: Written, h: Tensor) -> Tensor:
    made = torch.zeros_like(h)
    made[:, torch.arange(6)] = h
    return torch.tanh(made)


def slice_by_value(model: Written, h: Tensor) -> Tensor:
    return torch.stack([row[: int(6 - 0 * row[0])] for row in h])


def by_item(model: Written, h: Tensor) -> Tensor:
    return h if h.abs().sum().item() > 1 else 2 * h


def by_where(model: Written, h: Tensor) -> Tensor:
    return torch.where(h.abs().sum(1, keepdim=True) > 1, h, 2 * h)


def cut_by_tensor(model: Written, h: Tensor) -> Tensor:
    one, other = torch.tensor_split(h, torch.tensor([2]), dim=1)
    return torch.cat([one, other.tanh()], dim=1)


def cut_by_numbers(model: Written, h: Tensor) -> Tensor:
    return torch.cat([h[:, :2], h[:, 2:].tanh()], dim=1)


class OldCube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        return 3 * ctx.saved_tensors[0] ** 2 * gradient


class UnmappedCube(torch.autograd.Function):
    @staticmethod
    def forward(x):  # type: ignore[no-untyped-def]
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        return 3 * ctx.saved_tensors[0] ** 2 * gradient

    @staticmethod
    def jvp(ctx, tangent):  # type: ignore[no-untyped-def]
        return 3 * ctx.saved_tensors[0] ** 2 * tangent


class Cube(UnmappedCube):
    generate_vmap_rule = True


def embedded(*, sparse: bool) -> Made:
    return sequential(nn.Embedding(7, 4, sparse=sparse), nn.Flatten(), nn.Linear(12, 2), X=INDEX)


POOLED: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": lambda h: h.sum(1),
    "mean": lambda h: h.mean(1),
    "max": lambda h: h.max(1)[0],
}


class Bag(nn.Module):
    def __init__(self, layer: nn.Module, mode: str, *, is_bag: bool) -> None:
        super().__init__()
        self.layer, self.mode, self.is_bag = layer, mode, is_bag

    def forward(self, X: Tensor) -> Tensor:
        return self.layer(X) if self.is_bag else POOLED[self.mode](self.layer(X))


class Weighted(nn.Module):
    """A sum with weights, of a bag or by hand."""

    def __init__(self, *, is_bag: bool) -> None:
        super().__init__()
        self.layer = nn.EmbeddingBag(7, 4, mode="sum") if is_bag else nn.Embedding(7, 4)
        self.is_bag = is_bag

    def forward(self, X: Tensor) -> Tensor:
        weights = X.to(self.layer.weight.dtype) / 7
        if self.is_bag:
            return self.layer(X, per_sample_weights=weights)
        return (self.layer(X) * weights[..., None]).sum(1)


def weighted(*, is_bag: bool) -> Made:
    torch.manual_seed(0)
    return sequential(Weighted(is_bag=is_bag), nn.Linear(4, 2), X=INDEX)


def multiplied(*, is_sparse: bool) -> Made:
    """By a matrix of which few entries are parameters and the others are zero."""

    def middle(model: Written, h: Tensor) -> Tensor:
        i, j = torch.tensor([[0, 1, 2, 3, 4, 5], [1, 0, 3, 2, 5, 4]])
        values = model.b.weight[0]
        if is_sparse:
            A = torch.sparse_coo_tensor(torch.stack([i, j]), values, (6, 6), check_invariants=False)
            return torch.sparse.mm(A, h.T).T
        return (torch.zeros(6, 6).index_put((i, j), values) @ h.T).T

    return written(middle)


def bag(mode: str, *, is_bag: bool) -> Made:
    torch.manual_seed(0)
    layer = nn.EmbeddingBag(7, 4, mode=mode) if is_bag else nn.Embedding(7, 4)
    return sequential(Bag(layer, mode, is_bag=is_bag), nn.Linear(4, 2), X=INDEX)


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


def counted(model: Written, h: Tensor) -> Tensor:
    if model.training:
        model.count += 1
    return h.tanh()


def into_shared(model: Written, h: Tensor) -> Tensor:
    model.seen.add_(h.detach().mean(0))
    return h.tanh()


def without_state(*, is_given: bool) -> Made:
    def middle(model: Written, h: Tensor) -> Tensor:
        return model.cell(h, h.new_zeros(len(h), 5) if is_given else None)

    return written(middle, 5, cell=nn.GRUCell(6, 5))


def into_zeros(model: Written, h: Tensor) -> Tensor:
    out = torch.zeros(h.shape)
    out[:, :3] = h[:, :3]
    return out


def into_zeros_like(model: Written, h: Tensor) -> Tensor:
    out = torch.zeros_like(h)
    out[:, :3] = h[:, :3]
    return out


CASES: list[tuple[str, Callable[[], Made], Callable[[], Made]]] = [
    ("batch_grad_loop", lambda: activated(inplace=True), lambda: activated(inplace=False)),
    ("batch_grad_repeated", lambda: written(added_in_place), lambda: written(lambda model, h: torch.tanh(h + 1))),
    ("sqrt_ggn_sum", on_tokens, lambda: on_tokens(nn.Flatten())),
    ("sqrt_ggn_cross_entropy", on_tokens, lambda: on_tokens(nn.Flatten())),
    ("sqrt_ggn_mean", lambda: convolved(nn.Conv2d(2, 2, 1)), lambda: convolved(nn.Conv2d(2, 2, 1), nn.Flatten())),
    ("vmap_jacfwd", lambda: written(attention), lambda: written(attention_by_math)),
    ("vmap_jacfwd", lambda: encoder(by_math=False), lambda: encoder(by_math=True)),
    ("expanded_weights", lambda: recurrent(by_onednn=True), lambda: recurrent(by_onednn=False)),
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
    ("expanded_weights", lambda: looked_up(lambda m, i: m(i)), lambda: looked_up(lambda m, i: m(i[:, None])[:, 0])),
    ("vmap_vjp", lambda: (Solving(is_expanded=False), X343[..., 0]), lambda: (Solving(is_expanded=True), X343[..., 0])),
    ("func_jacrev", lambda: (Solving(is_expanded=False), X343[..., 0]), lambda: (Solving(is_expanded=True), X4)),
    *(
        (method, lambda: (Placed(is_for_each=False), X343), lambda: (Placed(is_for_each=True), X343))
        for method in ("batch_grad_loop", "batch_grad_repeated", "expanded_weights")
    ),
    (
        "expanded_weights",
        lambda: (InTwo(lambda layers, X: checkpoint(layers, X, use_reentrant=False)), X4),
        lambda: (InTwo(lambda layers, X: layers(X)), X4),
    ),
]
"""A method, a model on which it crashes, and the same model with the remedy."""

KNOWN: list[tuple[str, Callable[[], Made], str]] = [
    ("vmap_jacfwd", lambda: recurrent(by_onednn=True), "torch-vmap-recurrent"),
    ("vmap_vjp", lambda: recurrent(by_onednn=False), "torch-vmap-recurrent"),
    ("expanded_weights", lambda: recurrent(by_onednn=True), "torch-expanded-weights-lstm"),
    ("vmap_jacfwd", lambda: encoder(by_math=False), "torch-forward-mode-attention"),
    (
        "batch_grad_loop",
        lambda: written(lambda model, h: model.twice(model.twice(h)), twice=nn.Linear(6, 6)),
        "module-used-twice",
    ),
    (
        "vmap_vjp",
        lambda: (nn.Sequential(nn.Linear(4, 5), nn.PReLU(), nn.LayerNorm(5), nn.Linear(5, 7)), torch.randn(3, 4)),
        "torch-vmap-prelu",
    ),
    ("expanded_weights", lambda: (Turned(), X343), "torch-expanded-weights-conv-view"),
]
"""A method, a model on which it crashes, and the known issue that this is."""


@pytest.fixture(autouse=True)
def fast_path() -> Iterator[None]:
    """It is switched off for good by one of the remedies."""
    yield
    torch.backends.mha.set_fastpath_enabled(True)


def problem_of(made: Made) -> Problem:
    model, X = made
    return Problem(model, X, model(X).detach()[0].numel())


def crash(method: str, made: Made) -> str:
    """How the method crashes on the model, in one line; empty where it does not."""
    problem = problem_of(made)
    try:
        with calm_torch():
            found = find_method(method).compute(copy_of(problem))
    except Exception as error:
        return str(raised(error))
    assert list(found) == list(problem.parameters)
    return ""


@pytest.mark.parametrize(("method", "broken", "mended"), CASES)
def test_a_remedy_works(method: str, broken: Callable[[], Made], mended: Callable[[], Made]) -> None:
    """The crash has one, and with it the method runs."""
    message = crash(method, broken())
    assert remedy_of(find_method(method), message, problem_of(broken())), message
    assert crash(method, mended()) == ""


@pytest.mark.parametrize("mode", POOLED)
def test_what_the_remedy_of_a_bag_says_is_the_same(mode: str) -> None:
    """The same outputs, for each of its modes."""
    (model, X), (other, _) = bag(mode, is_bag=True), bag(mode, is_bag=False)
    torch.testing.assert_close(model(X), other(X))
    (model, X), (other, _) = weighted(is_bag=True), weighted(is_bag=False)
    torch.testing.assert_close(model(X), other(X))


def test_who_has_no_embedding_is_not_told_to_make_it_dense() -> None:
    """A sparse matrix on the way is another reason."""
    made = multiplied(is_sparse=True)
    told = remedy_of(find_method("vmap_vjp"), crash("vmap_vjp", made), problem_of(made))
    assert told.startswith("make dense matrices in forward")


@pytest.mark.parametrize(
    ("made", "word"),
    [
        (lambda: one_hot(is_by_rows=False), "one_hot"),
        (lambda: steps("packed"), "GRUCell"),
        (lambda: written(by_item), "where"),
    ],
)
def test_what_looks_at_a_value_is_told_apart(made: Callable[[], Made], word: str) -> None:
    """Nobody who calls one_hot or packs sequences has written .item()."""
    told = [remedy_of(find_method("vmap_vjp"), crash("vmap_vjp", made()), problem_of(made()))]
    assert word in told[0]
    assert (".item()" in told[0]) == (word == "where")


class Slopes(nn.Module):
    """The derivative of a network by its input, as torch.autograd computes it: each layer is called once."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, X: Tensor) -> Tensor:
        X = X.detach().requires_grad_()
        return torch.autograd.grad(self.net(X).sum(), X, create_graph=True)[0]


def test_layers_that_are_called_once_are_not_called_used_twice() -> None:
    """BackPACK's hooks run in the backward pass that such a forward makes, and forget the outputs."""
    torch.manual_seed(0)
    message = crash("batch_grad_loop", (Slopes(), X4))
    assert "has no attribute 'output'" in message
    assert remedy_of(find_method("batch_grad_loop"), message, problem_of((Slopes(), X4))) == ""


class Placed(nn.Module):
    """Adds embeddings of four places, which are the same for all samples."""

    def __init__(self, *, is_for_each: bool) -> None:
        super().__init__()
        self.places, self.out, self.is_for_each = nn.Embedding(4, 3), nn.Linear(3, 2), is_for_each

    def forward(self, X: Tensor) -> Tensor:
        i = torch.arange(4)
        return self.out(torch.tanh(X + self.places(i.expand(len(X), 4) if self.is_for_each else i))).sum(1)


class InTwo(nn.Module):
    """Two layers by a call, and another one."""

    def __init__(self, call: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.layers, self.out, self.call = nn.Sequential(nn.Linear(4, 6), nn.Tanh()), nn.Linear(6, 2), call

    def forward(self, X: Tensor) -> Tensor:
        return self.out(self.call(self.layers, X))


class Turned(nn.Module):
    """A convolution whose output has its axes in another order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.out = nn.Conv1d(4, 2, 1), nn.Linear(2, 2)

    def forward(self, X: Tensor) -> Tensor:
        return self.out(self.conv(X).transpose(1, 2))


class Stepped(nn.Module):
    """One step of descent on a loss of each sample's own first numbers, and a prediction by what comes of it."""

    def __init__(self, *, is_by_func: bool) -> None:
        super().__init__()
        self.weight, self.is_by_func = nn.Parameter(torch.ones(2)), is_by_func

    def forward(self, X: Tensor) -> Tensor:
        return torch.stack([(x[2:] * self._step(x[:2])).sum(0, keepdim=True) for x in X.unbind()])

    def _step(self, x: Tensor) -> Tensor:
        def loss(weight: Tensor) -> Tensor:
            return ((x * weight).sum() - 1) ** 2

        if self.is_by_func:
            return self.weight - 0.1 * torch.func.grad(loss)(self.weight)
        return self.weight - 0.1 * torch.autograd.grad(loss(self.weight), self.weight, create_graph=True)[0]


class Solving(nn.Module):
    """Solves a system with one matrix for each sample's right-hand side."""

    def __init__(self, *, is_expanded: bool) -> None:
        super().__init__()
        self.A, self.is_expanded = nn.Parameter(2 * torch.eye(4) + 0.1), is_expanded

    def forward(self, X: Tensor) -> Tensor:
        A = self.A.expand(len(X), 4, 4) if self.is_expanded else self.A
        return torch.linalg.solve(A, X[..., None])[..., 0]


def looked_up(look: Callable[[nn.Embedding, Tensor], Tensor]) -> Made:
    torch.manual_seed(0)
    return Written(lambda model, h: h + look(model.table, INDEX[: len(h), 0]), table=nn.Embedding(7, 6)), X4


class Unwatched(nn.Module):
    """Does not run where a layer of it has a hook, nor below a mode that sees its operations."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, X: Tensor) -> Tensor:
        if self.layer._forward_pre_hooks or _len_torch_dispatch_stack():
            raise RecursionError("watched")
        return self.layer(X)


def test_a_model_that_does_not_run_while_it_is_watched_is_none_of_a_remedy() -> None:
    """What is looked for is not found then, and the answer of the method stands as it is."""
    problem = problem_of((Unwatched(), X4))
    assert remedy_of(find_method("batch_grad_loop"), "'Linear' object has no attribute 'output'", problem) == ""
    assert not operations_of(problem) & {"addmm", "t"}


def test_what_is_no_recurrent_layer_is_not_called_one() -> None:
    """The same words come of a buffer that is written into."""
    made = written(into_shared, seen=torch.zeros(6))
    told = remedy_of(find_method("expanded_parameters"), crash("expanded_parameters", made), problem_of(made))
    assert told.startswith("do not write into buffers")
    assert "known" not in told


class Slope(nn.Module):
    """The derivative of a network by its input, as torch.func computes it."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, X: Tensor) -> Tensor:
        return torch.func.vmap(torch.func.grad(lambda x: self.net(x)[0]))(X)


@pytest.mark.parametrize("method", ["expanded_weights", "batch_grad_loop"])
def test_who_wrote_no_function_is_not_told_to_change_it(method: str) -> None:
    """It is the method's own torch.autograd.Function that does not run inside of the model's torch.func."""
    message = crash(method, (Slope(), X4))
    assert "setup_context" in message
    assert remedy_of(find_method(method), message, problem_of((Slope(), X4))) == ""


@pytest.mark.parametrize(("method", "broken", "issue"), KNOWN)
def test_a_known_issue_is_named(method: str, broken: Callable[[], Made], issue: str) -> None:
    """By the id that `jaccheck known` takes."""
    assert f"`jaccheck known {issue}`" in remedy_of(find_method(method), crash(method, broken()), problem_of(broken()))
    assert issue in {each.id for each in LAYER_ISSUES}


def test_every_line_of_the_table_is_tested() -> None:
    """Its pattern is that of one of the crashes above, but for what shows on other devices and sizes only."""
    met = [crash(method, broken()) for method, broken, _ in (*CASES, *KNOWN)]
    elsewhere = ["torch-expanded-weights-conv3d-dilation"]
    unmet = [each for each in REMEDIES if not any(re.search(each.pattern, message) for message in met)]
    assert [each.issue or each.advice for each in unmet] == elsewhere


def test_a_remedy_is_in_the_answer_of_a_check() -> None:
    """And none where a method runs, or crashes for another reason."""
    right = find_method("vmap_vjp")

    def other(problem: Problem) -> dict[str, Tensor]:
        raise KeyError("no such layer")

    report = jaccheck.check(
        *written(by_item),
        methods=["vmap_vjp", "autograd_loop", replace(right, name="own", compute=other)],
        seconds=20.0,
    )
    outcomes = [answer.outcome for answer in report.answers]
    assert outcomes == [Outcome.CRASHED, Outcome.CONSISTENT, Outcome.CRASHED]
    assert "torch.where" in report.answers[0].remedy
    assert [answer.remedy for answer in report.answers[1:]] == ["", ""]
