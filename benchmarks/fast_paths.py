"""`outer_products` and `hooks` beside the floors and the best public method: `python benchmarks/fast_paths.py`.

All calls of one shape are timed in turns in one process, one thread, warmed up; what counts are ratios of medians of
one run. Memory regimes: fresh (every call allocates its result, as all public methods do) and given (`out=`). Floors:
`alloc+fill` allocates tensors of the Jacobians' shapes and fills them, `refill` fills those that are there.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

import click
import torch
from torch import Tensor, nn

from jaccheck.bench import Call, Effort, still_process, time_calls
from jaccheck.methods import Jacobians, Method, Problem, find_method

OURS = ("outer_products", "hooks")
PUBLIC = (
    "autograd_batched",
    "func_jacrev",
    "vmap_jacrev",
    "vmap_vjp",
    "expanded_weights",
    "batch_grad_loop",
    "batch_grad_repeated",
    "sqrt_ggn_sum",
)


def perceptron(*widths: int) -> nn.Module:
    layers = (layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), nn.ReLU()))
    return nn.Sequential(*list(layers)[:-1])


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 10)
    )


Make = Callable[[], tuple[nn.Module, Tensor, int]]

SHAPES: dict[str, Make] = {
    "10-7-5, N=15": lambda: (perceptron(10, 7, 5), torch.randn(15, 10), 5),
    "50-50-10, N=32": lambda: (perceptron(50, 50, 10), torch.randn(32, 50), 10),
    "64-64-100, N=64": lambda: (perceptron(64, 64, 100), torch.randn(64, 64), 100),
    "256-256-256-10, N=64": lambda: (perceptron(256, 256, 256, 10), torch.randn(64, 256), 10),
    "784-512-10, N=128": lambda: (perceptron(784, 512, 10), torch.randn(128, 784), 10),
    "conv 3-8-16, N=32": lambda: (convolutional(), torch.randn(32, 3, 16, 16), 10),
}


def fill(memory: Jacobians) -> None:
    for tensor in memory.values():
        tensor.fill_(1.0)


def alloc_and_fill(memory: Jacobians) -> Jacobians:
    fresh = {name: torch.empty_like(tensor) for name, tensor in memory.items()}
    fill(fresh)
    return fresh


def calls(model: nn.Module, X: Tensor, C: int, public: tuple[str, ...]) -> Iterator[Call]:
    """Each method with a copy of the model of its own, since BackPACK leaves hooks on it."""
    trainable = model.named_parameters()
    memory = {name: torch.empty(len(X), C, *p.shape, dtype=p.dtype) for name, p in trainable if p.requires_grad}
    yield Call("refill", lambda _: fill(memory))
    yield Call("alloc+fill", lambda _: alloc_and_fill(memory))
    for method in map(find_method, (*OURS, *public)):
        problem = Problem(copy.deepcopy(model), X, C)
        if method.refuses(problem):
            continue
        yield Call(method.name, partial(run, method, problem))
        if method.takes_out:
            yield Call(f"{method.name} out=", partial(run_into, method, problem, memory))


def run(method: Method, problem: Problem, _: object) -> Jacobians:
    return method.compute(problem)


def run_into(method: Method, problem: Problem, memory: Jacobians, _: object) -> Jacobians:
    return method.compute(problem, out=memory)


@click.command()
@click.option("--shape", "shapes", multiple=True, type=click.Choice(list(SHAPES)), help="Only these.")
@click.option("--public", multiple=True, type=click.Choice(PUBLIC), default=PUBLIC, help="Only these beside ours.")
@click.option("--seconds", default=10.0, show_default=True, help="For each shape.")
@click.option("--dtype", default="float32", show_default=True)
@click.option("--clock", type=click.Choice(["wall", "cpu"]), default="wall", show_default=True)
def main(shapes: tuple[str, ...], public: tuple[str, ...], seconds: float, dtype: str, clock: str) -> None:
    """Prints a line for each call: its median, and that as a multiple of the floors and of the best public method."""
    print(f"torch {torch.__version__}, one thread, {dtype}, {clock} time")
    for shape in shapes or tuple(SHAPES):
        torch.manual_seed(0)
        model, X, C = SHAPES[shape]()
        made = list(calls(model.to(getattr(torch, dtype)).eval(), X.to(getattr(torch, dtype)), C, public))
        with still_process():
            found = time_calls(made, Effort(seconds=seconds, least=5))
        times = {name: getattr(each, clock).median_s for name, each in found.items()}
        best = min((name for name in times if name in public), key=times.__getitem__)
        print(f"\n{shape}\n{'':24} {'ms':>10} {'/refill':>9} {'/alloc+fill':>12}   best public = {best}")
        for name, seconds_each in sorted(times.items(), key=lambda item: item[1]):
            against = f"{times[best] / seconds_each:8.2f} times as fast"
            print(
                f"{name:24} {seconds_each * 1e3:10.3f} {seconds_each / times['refill']:9.2f} "
                f"{seconds_each / times['alloc+fill']:12.2f}   {against}"
            )


if __name__ == "__main__":
    main()
