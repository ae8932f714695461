"""From a case, a finding or a user's model to a `Picture` of its Jacobians: by one method, or by two.

One method is drawn beside the reference: the closed form, or for a model with a layer that has no rule autograd in
float64, one sample at a time. Without a method, the reference is drawn alone. The difference is in units of the bound:
of two methods, each of which may be off by its own, of the sum. Where nothing is proven, or where nothing may differ
since nothing rounds, it is the plain difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from jaccheck.bench import default_memory, resident_bytes
from jaccheck.case import Case
from jaccheck.errors import InvalidRequest
from jaccheck.judging import (
    CaseReference,
    Part,
    Reference,
    flat_autograd,
    flattened,
    float64_of,
    jacobians_of_part,
    observe_globals,
    parts_of,
    read,
    reference_of,
    restore_globals,
    structural_difference,
)
from jaccheck.methods import Method, Problem, choose_devices, gradients_on
from jaccheck.models.slices import Slice, Unit, assemble
from jaccheck.oracle import Array, Layout
from jaccheck.rendering import Picture, Size
from jaccheck.reports import Finding, raised
from jaccheck.selftest import choose_stored, choose_with_mutants

CLOSED_FORM = "closed form"


def methods_of(names: Iterable[str]) -> tuple[Method, ...]:
    """The methods of these names, at most two; a mutant is called `mutant:NAME`. Raises UnknownName."""
    names = tuple(names)
    if len(names) > 2:
        raise InvalidRequest(f"methods {', '.join(names)}: a picture has one, or two and their difference")
    return choose_with_mutants(names) if names else ()


def picture_of_finding(finding: Finding, method: Method | None = None, *, size: Size | None = None) -> Picture:
    """The method of a finding, or this one, on its case, beside the closed form. Raises InvalidRequest without numbers.

    A finding comes from a file, which may not say what is imported. Raises UnknownName for what is not here.
    """
    method = method or choose_stored(finding.method)
    choose_devices([finding.device])
    picture = picture_of_case(finding.case, [method], device=finding.device, size=size)
    notes = (f"finding {finding.id}: {finding.outcome}, {finding.law}", *picture.notes)
    if finding.law not in ("agreement", "structure"):
        notes = (*notes, f"this is the result of a first call; the law {finding.law!r} asks for more")
    return replace(picture, notes=notes)


def picture_of_case(
    case: Case, methods: Sequence[Method] = (), *, device: str = "cpu", size: Size | None = None
) -> Picture:
    """The Jacobians of a case. Raises InvalidRequest where there is nothing to draw."""
    reference = CaseReference(case, device)
    problem = reference.problem()
    layout = reference.layout

    def slices() -> Iterator[Slice]:
        flat = tuple(_flat(method, problem, reference.problem(), layout) for method in methods)
        sides = flat if len(flat) == 2 else (*flat, reference.jacobian)
        yield Slice((0, 0), layout, sides, *_allowed(reference, methods))

    layers = ", ".join(layer.kind for _, layer in case.leaves())
    title = f"{layers if len(layers) < 60 else f'{layers[:57]}...'} (family {case.family})"
    return assemble(_title(title, problem), _shape(problem), _names(methods, reference.source), slices(), size)


def picture_of_model(
    problem: Problem, methods: Sequence[Method] = (), *, size: Size | None = None, memory: int | None = None
) -> Picture:
    """The Jacobians of a user's model and batch, part by part within so many bytes, by default half of what is free."""
    with gradients_on():
        return _picture_of_model(problem, methods, size, memory)


def _picture_of_model(problem: Problem, methods: Sequence[Method], size: Size | None, memory: int | None) -> Picture:
    free = (memory or default_memory()) - resident_bytes()
    network, without_rule = read(problem, free)

    def slices() -> Iterator[Slice]:
        for part in parts_of(problem, free, network):
            layout = part.layout(problem)
            flat = tuple(_flat(method, problem, part.of(problem), layout) for method in methods)
            reference = None if network is None else reference_of(problem, part, network)
            if len(flat) < 2:
                flat = (*flat, reference.jacobian if reference else _by_autograd(part, problem))
            yield Slice((part.samples.start, part.outputs.start), layout, flat, *_allowed(reference, methods))

    names = _names(methods, CLOSED_FORM if network else _autograd_name(problem))
    picture = assemble(_title(type(problem.own).__name__, problem), _shape(problem), names, slices(), size)
    plain = (f"no bound is proven for {without_rule}: the plain difference",) if without_rule and methods else ()
    return replace(picture, notes=(*picture.notes, *plain, *problem.notes))


def _names(methods: Sequence[Method], reference: str) -> tuple[str, ...]:
    names = tuple(method.name for method in methods)
    return names if len(names) == 2 else (*names, reference)


def _title(what: str, problem: Problem) -> str:
    return f"{what}: N = {problem.N}, C = {problem.C}, {problem.dtype} on {problem.device}"


def _shape(problem: Problem) -> tuple[int, int, dict[str, tuple[int, ...]]]:
    return problem.N, problem.C, problem.layout.shapes


def _autograd_name(problem: Problem) -> str:
    return "autograd" if float64_of(problem) is None else "autograd in float64"


def _by_autograd(part: Part, problem: Problem) -> Array:
    own = part.of(problem)
    return flat_autograd(float64_of(own) or own)


def _allowed(reference: Reference | None, methods: Sequence[Method]) -> tuple[Array, Unit]:
    """The bound on the difference of two methods, or of one and the closed form."""
    expectations = [reference.expectation(method) for method in methods] if reference else []
    if not expectations or any(expectation.mode == "estimate" for expectation in expectations):
        return np.zeros(0), "none"
    if all(expectation.mode == "exact" for expectation in expectations):
        return np.zeros(0), "exact"
    return sum((expectation.bound for expectation in expectations), start=np.zeros(())), "bounds"


def _flat(method: Method, whole: Problem, problem: Problem, layout: Layout) -> Array:
    """What the method returns for `problem`, which is `whole` or a part of it, as one vector."""
    if refusal := method.missing or method.refuses(problem):
        raise InvalidRequest(f"{method.name} does not cover this: {refusal}")
    before = observe_globals(whole.device)
    try:
        found = jacobians_of_part(method, problem)
    except (Exception, SystemExit) as error:
        message = f"{method.name} raised {raised(error)}; there is nothing to draw"
        raise InvalidRequest(message) from error
    finally:
        restore_globals(before, observe_globals(whole.device))
    if wrong := structural_difference(layout, whole.dtypes, whole.device, found):
        raise InvalidRequest(f"{method.name}: {wrong}; this cannot be drawn beside what it should be")
    return flattened(found)
