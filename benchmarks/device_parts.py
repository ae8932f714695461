"""The parts of `benchmarks/device.py` that need torch: each is asked in a process of its own and returns plain data."""

from __future__ import annotations

import contextlib
import gc
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

import torch
from jaccheck_support.measured_arithmetic import habits, measured

from jaccheck.bench import Call, Effort, choose_shapes, time_calls
from jaccheck.bench.shapes import make
from jaccheck.case import FAMILIES, Case, boundary_cases
from jaccheck.errors import InvalidCase, NotComputed
from jaccheck.judging import LAW_OF, CaseReference, explained, judge
from jaccheck.methods import (
    Method,
    Problem,
    available_devices,
    build,
    calm_torch,
    choose_methods,
    find_method,
    has_dtype,
)

Told = dict[str, Any]

DTYPES = ("float64", "float32", "bfloat16", "float16")
AGREEMENT, PURITY = LAW_OF["agreement"], LAW_OF["purity"]


def backend(device: str) -> Any:
    """torch's module of the device's kind, as `torch.cuda`; an empty one where there is none."""
    return getattr(torch, device.split(":")[0], None)


def about(device: str, seconds: float) -> Told:
    """What the device says of itself."""
    found: Told = {"device": available_devices({device.split(":")[0]}).get(device, "not reported")}
    found |= {"torch": torch.__version__, "dtypes": [dtype for dtype in DTYPES if has_dtype(device, dtype)]}
    with contextlib.suppress(Exception):
        properties = backend(device).get_device_properties(device)
        found["memory, GiB"] = round(properties.total_memory / 2**30, 1)
    if device.startswith("cuda"):
        found |= {"CUDA": torch.version.cuda, "cuDNN": torch.backends.cudnn.version()}
    return found


def arithmetic(device: str, seconds: float) -> Told:
    """The largest error of each operation, in roundings of the dtype, and what differs from device to device."""
    told: Told = {}
    for dtype in DTYPES:
        if has_dtype(device, dtype):
            found = measured(device, dtype)
            outside = [str(each) for each in found if not each.is_within]
            told |= {f"{dtype}, beyond what is assumed": outside, dtype: list(map(str, found))}
            told[f"{dtype}, habits"] = habits(device, dtype)
    return told


def exact(device: str, seconds: float) -> Told:
    """Results of the device and of the CPU in cases that are proven exact, bit for bit."""
    counts, different = Counter[str](), []
    for case, method in _calls(device, seconds, DTYPES, FAMILIES):
        reference = _reference(case, device)
        if reference is None or not reference.exact or method.loss or method.step:
            continue
        there, here = build(case, device=device), build(case)
        if method.refuses(there) or method.refuses(here):
            continue
        ours, theirs = _computed(method, here), _computed(method, there)
        counts["compared"] += 1
        if ours is None or theirs is None:
            counts["raised on one of the two" if ours != theirs else "raised on both"] += 1
        elif any(not torch.equal(j, theirs[name].cpu()) for name, j in ours.items()):
            counts["different"] += 1
            different.append(f"{method.name}, {case.dtype}, {case.family}")
        else:
            counts["equal"] += 1
    return {**counts, "the first that differ": different[:5]}


def switches(device: str, seconds: float) -> Told:
    """What the same calls give with each switch of torch's."""
    settings = list(_switches(device))
    counts = {name: Counter[str]() for name, _ in settings}
    for case, method in _calls(device, seconds, ("float32", "bfloat16"), _PRODUCTS):
        reference = _reference(case, device)
        if reference is None or method.refuses(reference.template):
            continue
        for name, put in settings:
            with _set(put):
                verdict = judge(case, method, device=device, reference=reference, laws=(AGREEMENT,))
            kind = "exact" if reference.exact else "by bound"
            counts[name][f"{explained(case, verdict).outcome}, {kind}"] += 1
    return {name: dict(count) for name, count in counts.items()}


_PRODUCTS = tuple(name for name in ("generic", "smooth", "convolution", "recurrent") if name in FAMILIES)


def _switches(device: str) -> Iterator[tuple[str, Callable[[], Callable[[], None]]]]:
    def attribute(owner: Any, name: str, value: object) -> Callable[[], Callable[[], None]]:
        def put() -> Callable[[], None]:
            was = getattr(owner, name)
            setattr(owner, name, value)
            return lambda: setattr(owner, name, was)

        return put

    def deterministic() -> Callable[[], None]:
        torch.use_deterministic_algorithms(True, warn_only=True)
        return lambda: torch.use_deterministic_algorithms(False)

    yield "as torch has them", lambda: lambda: None
    yield "deterministic algorithms", deterministic
    if device.startswith("cuda"):
        matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
        yield "TF32 in products off", attribute(matmul, "allow_tf32", False)
        yield "TF32 in products on", attribute(matmul, "allow_tf32", True)
        yield "TF32 in cuDNN off", attribute(cudnn, "allow_tf32", False)
        yield "TF32 in cuDNN on", attribute(cudnn, "allow_tf32", True)
        yield "cuDNN off", attribute(cudnn, "enabled", False)
        yield "cuDNN tries all algorithms", attribute(cudnn, "benchmark", True)
        reduced = "allow_bf16_reduced_precision_reduction"
        yield "bfloat16 sums in float32", attribute(matmul, reduced, False)


@contextlib.contextmanager
def _set(put: Callable[[], Callable[[], None]]) -> Iterator[None]:
    put_back = put()
    try:
        yield
    finally:
        put_back()


def purity(device: str, seconds: float) -> Told:
    """Whether a call that changes what belongs to the device is told, by the law of purity."""
    case, hooks = next(iter(boundary_cases("generic", "float32"))), find_method("hooks")

    def seen(before: Callable[[], object]) -> str:
        def compute(problem: Problem) -> Any:
            before()
            return hooks.compute(problem)

        verdict = judge(case, replace(hooks, compute=compute, takes_out=False), device=device, laws=(AGREEMENT, PURITY))
        return verdict.message or str(verdict.outcome)

    with calm_torch():
        found = {"a call that changes nothing": seen(lambda: None)}
        found["random numbers of the device are drawn"] = seen(lambda: torch.rand(1, device=device))
        if device.startswith("cuda"):
            found["cuDNN is switched off"] = seen(lambda: setattr(torch.backends.cudnn, "enabled", False))
            found["TF32 is switched over"] = seen(
                lambda: setattr(torch.backends.cuda.matmul, "allow_tf32", not torch.backends.cuda.matmul.allow_tf32)
            )
    return found


def streams(device: str, seconds: float) -> Told:
    """Results of one stream that are used on another, which waits for it."""
    kind = backend(device)
    if not all(hasattr(kind, name) for name in ("Stream", "stream", "current_stream")):
        return {"not looked at": "torch has no streams for this device"}
    counts = Counter[str]()
    for case, method in _calls(device, seconds, ("float32",), _PRODUCTS):
        problem = build(case, device=device)
        if (reference := _reference(case, device)) is None or method.refuses(problem):
            continue
        side = kind.Stream(device)
        side.wait_stream(kind.current_stream(device))
        with kind.stream(side):
            J = _computed(method, problem)
        kind.current_stream(device).wait_stream(side)
        given = replace(method, compute=lambda _, J=J: J, takes_out=False)
        verdict = judge(case, given, device=device, reference=reference, laws=(AGREEMENT,))
        counts[str(verdict.outcome) if J is not None else "raised"] += 1
    return dict(counts)


def memory(device: str, seconds: float) -> Told:
    """What the device has in use before and after many calls of each method."""
    in_use = getattr(backend(device), "memory_allocated", None)
    if in_use is None:
        return {"not looked at": "torch does not say how much memory of this device is in use"}
    found: Told = {}
    case = next(iter(boundary_cases("generic", "float32")))
    methods = [m for m in choose_methods([]) if not m.refuses(build(case, device=device))]
    for method in methods:
        _computed(method, build(case, device=device))  # what a library keeps once
        gc.collect()
        before, calls, until = in_use(device), 0, time.monotonic() + seconds / len(methods)
        while calls < 20 or (calls < 200 and time.monotonic() < until):
            _computed(method, build(case, device=device))
            calls += 1
        gc.collect()
        if more := in_use(device) - before:
            found[method.name] = f"{more:,} bytes more after {calls} calls"
    return found or {f"all {len(methods)} methods": "no byte more after 20 calls or more"}


def times(device: str, seconds: float) -> Told:
    """The fast methods beside filling as much memory of the device: medians and their ratio; by its events, if any."""
    found: Told = {}
    until = time.monotonic() + seconds
    for shape in choose_shapes(["wide", "large"]):
        if time.monotonic() > until:
            found[f"all, {shape.name}"] = "no time was left"
            continue
        problem = make(shape, "float32", device)
        sizes = [(problem.N, problem.C, *p.shape) for p in problem.parameters.values()]
        calls = {"filling": partial(_filled, sizes, device)}
        for name in ("outer_products", "hooks", "vmap_vjp"):
            if not (method := find_method(name)).refuses(problem):
                calls[name] = partial(method.compute, problem)
        effort = Effort(seconds=seconds / 2, least=2, most=200)
        timed = time_calls([Call(name, lambda _, run=run: run()) for name, run in calls.items()], effort, device=device)
        clocks = {"clock": {name: each.wall.median_s for name, each in timed.items()}}
        if device.startswith("cuda"):
            clocks["events"] = {name: _by_events(run) for name, run in calls.items()}
        for clock, medians in clocks.items():
            for name, median_s in medians.items():
                ratio = median_s / medians["filling"]
                found[f"{name}, {shape.name}, by {clock}"] = f"{median_s * 1e3:.3f} ms, {ratio:.2f} × filling"
    return found


def _filled(sizes: list[tuple[int, ...]], device: str) -> list[torch.Tensor]:
    """Memory asked for and written once: nothing that makes the results can be faster."""
    return [torch.empty(size, device=device).fill_(1.0) for size in sizes]


def _by_events(run: Callable[[], object], calls: int = 30) -> float:
    """The median time that CUDA itself takes for a call, in seconds."""
    took = []
    for _ in range(calls):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        run()
        end.record()
        torch.cuda.synchronize()
        took.append(begin.elapsed_time(end) / 1e3)
    return median(took)


PARTS: dict[str, Callable[[str, float], Told]] = {
    part.__name__: part for part in (about, arithmetic, exact, switches, purity, streams, memory, times)
}


def _calls(device: str, seconds: float, dtypes: tuple[str, ...], families: Any) -> Iterator[tuple[Case, Method]]:
    """Boundary cases in turn by family and dtype, each with every method, until the time is over."""
    until = time.monotonic() + seconds
    cells = [boundary_cases(f, d) for f in families for d in dtypes if has_dtype(device, d)]
    methods = [method for method in choose_methods([]) if not method.imports]
    with calm_torch():
        for case in filter(None, itertools.chain(*itertools.zip_longest(*cells))):
            for method in methods:
                if time.monotonic() > until:
                    return
                yield case, method


_REFERENCES: dict[tuple[Case, str], CaseReference | None] = {}


def _reference(case: Case, device: str) -> CaseReference | None:
    """Of the case that comes in a row of methods; None where torch does not compute it."""
    if (case, device) not in _REFERENCES:
        _REFERENCES.clear()
        try:
            _REFERENCES[case, device] = CaseReference(case, device)
        except (NotComputed, InvalidCase):
            _REFERENCES[case, device] = None
    return _REFERENCES[case, device]


def _computed(method: Method, problem: Problem) -> Any:
    """What a method returns, or None where it raises."""
    try:
        return method.compute(problem)
    except Exception:
        return None
