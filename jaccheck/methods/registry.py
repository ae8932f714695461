"""`Method` and the registry: what can be asked for by name."""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps

from jaccheck.case import DTYPES
from jaccheck.errors import BrokenEnvironment, UnknownName
from jaccheck.methods.given import check_given
from jaccheck.methods.optional import import_failure
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.oracle import Loss, Order

Compute = Callable[..., Jacobians]
"""`compute(problem)`; where the method `takes_out` also `compute(problem, out=given)`, which returns `given`."""

Refusal = Callable[[Problem], str | None]


class TooCostly(str):
    """The reason of a refusal for cost: the method would work, so the claim is not tried."""

    __slots__ = ()


def never(problem: Problem) -> str | None:
    """No problem is refused."""
    return None


def unscaled(N: int, C: int) -> int:
    """The result is not scaled."""
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to compute batched Jacobians, with everything it claims of itself.

    `unsupported(problem)` is the reason why a problem is refused, or None; it only looks, nothing is run. `leaves`
    names what it leaves behind by design: "grad", "forward_hook" (one on each module), or the name of an attribute of
    modules or parameters. `takes_out` says that it can write into `out`: `compute(problem, out=given)`.
    `order`, `roundings(N, C)` (extra roundings of each entry by a scaling), `loss` (by the root of whose Hessian a
    result is divided) and `step` (of a difference quotient) say how exact it can be. `imports` is the module that the
    function imports of `package` once it is called, `broken` why it cannot run here as far as known without it.
    """

    name: str
    family: str
    compute: Compute
    summary: str
    dtypes: tuple[str, ...] = DTYPES
    devices: tuple[str, ...] = ("*",)
    leaves: frozenset[str] = frozenset()
    unsupported: Refusal = never
    takes_out: bool = False
    order: Order = Order.REVERSE
    roundings: Callable[[int, int], int] = unscaled
    loss: Loss | None = None
    step: float = 0.0
    package: str | None = None
    imports: str | None = None
    broken: str | None = None

    @property
    def missing(self) -> str | None:
        """The reason why it cannot run here, or None; imports what it needs, which can take seconds the first time."""
        if self.broken or not self.imports:
            return self.broken
        return import_failure(self.imports, self.package or self.imports)

    def refuses(self, problem: Problem) -> str | None:
        """Why the method does not cover this problem, or None if it claims to; decided before it runs."""
        if problem.dtype not in self.dtypes:
            return f"{problem.dtype} is not among its dtypes {', '.join(self.dtypes)}"
        if "*" not in self.devices and problem.device.split(":")[0] not in self.devices:
            return f"{problem.device} is not among its devices {', '.join(self.devices)}"
        return self.unsupported(problem)


_REGISTRY: dict[str, Method] = {}

_BUILT_IN = (
    *("autograd", "functional", "func", "expanded_weights", "backpack", "closed_form", "hooks", "differences"),
    *("opacus", "curvlinops", "laplace", "nngeometry", "torchjd", "jax"),
)
"""The modules of this package that register methods, in the order of listing."""

ENTRY_POINTS = "jaccheck.methods"


def method(
    *,
    family: str,
    dtypes: tuple[str, ...] = DTYPES,
    devices: tuple[str, ...] = ("*",),
    leaves: Iterable[str] = (),
    unsupported: Refusal = never,
    order: Order = Order.REVERSE,
    roundings: Callable[[int, int], int] = unscaled,
    loss: Loss | None = None,
    step: float = 0.0,
    package: str | None = None,
    imports: str | None = None,
    missing: str | None = None,
) -> Callable[[Compute], Compute]:
    """Registers a function `Problem -> Jacobians` under its own name; its docstring's first line is its summary.

    A function with a keyword `out` writes into the tensors given as `out`, if any, and returns them; they are checked
    before it is called. What an optional package is needed for is imported inside the function, and `imports` names it.
    """

    def register(compute: Compute) -> Compute:
        name = compute.__name__
        takes_out = "out" in inspect.signature(compute).parameters
        if takes_out:
            compute = _checking_out(compute)
        _REGISTRY[name] = Method(
            name=name,
            family=family,
            compute=compute,
            summary=(inspect.getdoc(compute) or "").split("\n")[0],
            dtypes=dtypes,
            devices=devices,
            leaves=frozenset(leaves),
            unsupported=unsupported,
            takes_out=takes_out,
            order=order,
            roundings=roundings,
            loss=loss,
            step=step,
            package=package,
            imports=imports,
            broken=missing,
        )
        return compute

    return register


def _checking_out(compute: Compute) -> Compute:
    @wraps(compute)
    def call(problem: Problem, *, out: Jacobians | None = None) -> Jacobians:
        if out is not None:
            check_given(problem, out)
        return compute(problem, out=out)

    return call


def load_built_in() -> None:
    """Registers the methods of this package, and loads what they need."""
    for module in _BUILT_IN:
        importlib.import_module(f"jaccheck.methods.{module}")


def registered() -> dict[str, Method]:
    """Every method known here, by name: the built-in ones, then those of other packages' entry points."""
    load_built_in()
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            point.load()
        except Exception as error:
            raise BrokenEnvironment(
                f"entry point {point.name!r} of {ENTRY_POINTS} ({point.value}) does not load: {error!r}; "
                "mend or uninstall its package"
            ) from None
    return dict(_REGISTRY)


def forget(name: str) -> None:
    """Takes a method out of the registry, for tests that register their own."""
    _REGISTRY.pop(name, None)


def find_method(name: str) -> Method:
    """The method of that name; `package.module:function` is imported first. Raises UnknownName."""
    if ":" in name:
        module, _, function = name.partition(":")
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise UnknownName(f"method {name!r}: module {module!r} does not import: {error}") from None
        name = function
    known = registered()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3) or list(known)
        raise UnknownName(
            f"method {name!r} is not known; did you mean {', '.join(close)}? `jaccheck methods` lists all"
        )
    return known[name]


def choose_methods(names: Iterable[str]) -> tuple[Method, ...]:
    """The methods of these names, or all that can run where no name is given.

    A method that was asked for and cannot run, and BackPACK missing or broken while no name was given, raise
    BrokenEnvironment: a run must not lose its subject quietly.
    """
    names = tuple(names)
    chosen = tuple(dict.fromkeys(map(find_method, names))) if names else tuple(registered().values())
    required = chosen if names else tuple(m for m in chosen if m.package == "backpack-for-pytorch")
    for candidate in required:
        if candidate.missing:
            raise BrokenEnvironment(
                f"method {candidate.name!r} cannot run: {candidate.missing}; install {candidate.package}, "
                "or choose other methods with --method"
            )
    return tuple(candidate for candidate in chosen if not candidate.missing)
