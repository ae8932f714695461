"""`Method` and the registry: what can be asked for by name."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from types import ModuleType
from typing import Any, TypeVar, cast

from jaccheck.case import DTYPES
from jaccheck.core import UNREADABLE, checked, chosen, look_in_working_directory, origin_of, unknown
from jaccheck.errors import BrokenEnvironment, InvalidRequest, UnknownName
from jaccheck.methods.adapters import Adapter
from jaccheck.methods.failures import failure
from jaccheck.methods.given import check_given
from jaccheck.methods.losses import Returns, own_from_share
from jaccheck.methods.optional import import_failure
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.oracle import Loss, Order

BACKPACK = "backpack-for-pytorch"

Compute = Callable[..., Jacobians]
"""`compute(problem)`; where the method `takes_out` also `compute(problem, out=given)`, which returns `given`."""

Refusal = Callable[[Problem], str | None]


F = TypeVar("F", bound=Compute)
"""The very type of a function, which type checkers see after it is decorated."""


class TooCostly(str):
    """The reason of a refusal for cost: the method would work, so the claim is not tried."""

    __slots__ = ()


def never(problem: Problem) -> str | None:
    """No problem is refused."""
    return None


def stays(problem: Problem) -> bool:
    """A sample that is not finite changes no row of another."""
    return False


def spreads(problem: Problem) -> bool:
    """A sample that is not finite changes all rows: zeros are multiplied with it, and added to theirs."""
    return True


def unsaid(problem: Problem) -> bool:
    """Of a method that says nothing of samples that are not finite, nothing is asked of them."""
    return True


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
    result is divided) and `step` (of a difference quotient) say how exact it can be. `spreads(problem)` says that a
    sample which is not finite spoils the rows of others. `returns` is what its function makes of a loss, each sample's
    "own" gradient or its "share" in the reduced loss; `compute` returns the own one. `only_of_losses` says that it
    takes the loss itself, so that it covers nothing without one, `only_by_name` that it is too slow for runs of all
    methods. `variant_of` is the method of which it is a more costly variant, asked less often in a run of both.
    `compiles` says that its first call on models of a kind takes far longer than all that follow.
    `imports` is the module that the function imports of `package` once it is called, `broken` why it cannot run here as
    far as known without it. `known` are the ids of known issues that it has from what it calls.
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
    spreads: Callable[[Problem], bool] = stays
    returns: Returns = "own"
    only_of_losses: bool = False
    only_by_name: bool = False
    variant_of: str = ""
    compiles: bool = False
    package: str | None = None
    imports: str | None = None
    broken: str | None = None
    known: tuple[str, ...] = ()

    @property
    def missing(self) -> str | None:
        """The reason why it cannot run here, or None; imports what it needs, which can take seconds the first time."""
        if self.broken or not self.imports:
            return self.broken
        return import_failure(self.imports, self.package or self.imports)

    @property
    def is_built_in(self) -> bool:
        """Whether it is one of this package's own."""
        return str(getattr(self.compute, "__module__", "")).startswith(f"{__package__}.")

    @property
    def is_ours(self) -> bool:
        """Whether jaccheck brings it: a built-in method or a mutant."""
        return _is_ours(self.compute)

    @property
    def refuses_by_own_rule(self) -> bool:
        """Whether what it refuses is decided by a function of this package, which changes nothing that it looks at."""
        return str(getattr(self.unsupported, "__module__", "")).startswith(f"{__package__}.")

    def refuses(self, problem: Problem) -> str | None:
        """Why the method does not cover this problem, or None if it claims to; decided before it runs."""
        if problem.dtype not in self.dtypes:
            return f"{problem.dtype} is not among its dtypes {', '.join(self.dtypes)}"
        if "*" not in self.devices and problem.device.split(":")[0] not in self.devices:
            return f"{problem.device} is not among its devices {', '.join(self.devices)}"
        reason, model = self.unsupported(problem), problem.model
        if reason is None or not isinstance(model, Adapter) or not model.words:
            return reason
        # What it says of the model inside is told in the names that the user knows.
        inner = self.refuses(Problem(model.model, model.inner_input(problem.X), problem.C))
        if isinstance(inner, TooCostly) and not isinstance(reason, TooCostly):
            return reason  # what takes a loss does not take the model alone
        return inner or f"it covers {type(problem.own).__name__}, but not with {model.words}"


_REGISTRY: dict[str, Method] = {}

_BUILT_IN = (
    *("autograd", "functional", "func", "compiled", "expanded_parameters", "expanded_weights", "backpack"),
    *("backpack_modules", "backpack_extensions", "outer_products", "hooks", "differences"),
    *("opacus", "curvlinops", "laplace", "nngeometry", "captum", "torchjd", "jax", "loss_gradients"),
)
"""The modules of this package that register methods, in the order of listing."""

ENTRY_POINTS = "jaccheck.methods"


@checked()
def method(
    *,
    family: str,
    dtypes: Sequence[str] = DTYPES,
    devices: Sequence[str] = ("*",),
    leaves: Iterable[str] = (),
    unsupported: Refusal = never,
    order: Order = Order.REVERSE,
    roundings: Callable[[int, int], int] = unscaled,
    loss: Loss | None = None,
    step: float = 0.0,
    spreads: Callable[[Problem], bool] | None = None,
    returns: Returns = "own",
    only_of_losses: bool = False,
    only_by_name: bool = False,
    variant_of: str = "",
    compiles: bool = False,
    package: str | None = None,
    imports: str | None = None,
    missing: str | None = None,
    known: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Registers a function `Problem -> Jacobians` under its own name; its docstring's first line is its summary.

    A function with a keyword `out` writes into the tensors given as `out`, if any, and returns them; they are checked
    before it is called. What an optional package is needed for is imported inside the function, and `imports` names it.
    `known` names the known issues (`jaccheck known`) that the function has from what it calls.
    """

    of_dtypes = chosen("dtype", tuple(dtypes), DTYPES)

    @checked()
    def register(function: F) -> F:
        compute: Compute = function
        name = function.__name__
        _check_is_free(name, function)
        takes_out = "out" in inspect.signature(compute).parameters
        if takes_out:
            compute = _checking_out(compute)
        if returns == "share":
            compute = own_from_share(compute)
        _REGISTRY[name] = Method(
            name=name,
            family=family,
            compute=compute,
            summary=(inspect.getdoc(compute) or "").split("\n")[0],
            dtypes=of_dtypes,
            devices=tuple(devices),
            leaves=frozenset(leaves),
            unsupported=unsupported,
            takes_out=takes_out,
            order=order,
            roundings=roundings,
            loss=loss,
            step=step,
            spreads=spreads or (stays if _is_ours(compute) else unsaid),
            returns=returns,
            only_of_losses=only_of_losses,
            only_by_name=only_by_name,
            variant_of=variant_of,
            compiles=compiles,
            package=package,
            imports=imports,
            broken=missing,
            known=known,
        )
        return cast(F, compute)

    return register


def _check_is_free(name: str, function: Compute) -> None:
    """Raises InvalidRequest where another file has a method of that name: results are told by names alone.

    The same file may make it anew: in a notebook, or where a script is imported as well.
    """
    known = _REGISTRY.get(name)
    if known is not None and _file_of(known.compute) != _file_of(function):
        places = " and ".join(str(each.__module__) for each in (known.compute, function))
        raise InvalidRequest(f"method {name!r:.200} is in {places}: give one of them another name")


def _file_of(compute: Compute) -> str:
    """The file that a function was written in."""
    code = getattr(inspect.unwrap(compute), "__code__", None)
    return str(code.co_filename if code is not None else compute.__module__)


def _is_ours(compute: Compute) -> bool:
    return (compute.__module__ or "").startswith("jaccheck.")  # what is run by exec may have no module


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
    for point in _entry_points():
        try:
            point.load()
        except (Exception, SystemExit) as error:
            raise BrokenEnvironment(
                f"entry point {point.name!r} of {ENTRY_POINTS} ({point.value}) does not load: {error!r}; "
                "mend or uninstall its package"
            ) from None
    return dict(_REGISTRY)


def _entry_points() -> Iterable[importlib.metadata.EntryPoint]:
    """Those of other packages. Raises BrokenEnvironment where some package's cannot be read, and says whose."""
    try:
        return importlib.metadata.entry_points(group=ENTRY_POINTS)
    except UNREADABLE as error:
        for found in importlib.metadata.distributions():
            try:
                list(found.entry_points)
            except UNREADABLE:
                place = getattr(found, "_path", "") or found.locate_file("")
                raise BrokenEnvironment(
                    f"{place}: its entry_points.txt cannot be read ({type(error).__name__}: {error}); "
                    "mend or uninstall it"
                ) from None
        raise


def known_of(name: str) -> tuple[str, ...]:
    """The known issues that a method says it has."""
    found = _REGISTRY.get(name.rpartition(":")[2])
    return found.known if found else ()


def forget(name: str) -> None:
    """Takes a method out of the registry, for tests that register their own."""
    _REGISTRY.pop(name, None)


def import_place(place: str) -> tuple[ModuleType, str]:
    """The module of `package.module:function`, imported, and the name of the function. Raises UnknownName.

    Whatever is raised there is told with the line of the user's own that it comes from.
    """
    module, _, function = place.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), function)):
        raise UnknownName(f"method {place!r:.200}: expected a name, or package.module:function")
    load_built_in()  # whose names are taken then
    look_in_working_directory()
    try:
        return importlib.import_module(module), function
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may well call sys.exit
        raise UnknownName(f"method {place!r}: module {module!r} does not import: {failure(error)}") from None


def find_method(name: str) -> Method:
    """The method of that name, or that `package.module:function` is. Raises UnknownName or InvalidRequest.

    Entry points, which take as long to look through as a call takes, are looked at for names that are not known yet.
    """
    if ":" in name:
        return _of_place(name)
    load_built_in()
    if name not in _REGISTRY and name not in registered():
        raise unknown("method", name, _REGISTRY)
    return _REGISTRY[name]


_UNDECORATED: set[str] = set()
"""Names of methods that are functions of a module which registers none of that name."""


def _of_place(place: str) -> Method:
    """The method that a module holds under that name, decorated or not."""
    module, name = import_place(place)
    found, known = _held(module, name, place), _REGISTRY.get(name)
    # What a module registers under a name need not be what it holds under it.
    if known is not None and name not in _UNDECORATED and _file_of(known.compute) == _held(module, "__file__", place):
        return known
    if not callable(found):
        what = "it has none of that name" if found is None else f"there it is of type {type(found).__name__}"
        where = place.partition(":")[0]
        raise UnknownName(f"method {place!r:.200}: expected a function of a Problem in module {where!r:.200}; {what}")
    method = of_function(found, name)
    if method is not _REGISTRY.get(method.name):
        _check_is_free(name, found)
        _REGISTRY[name] = method
        _UNDECORATED.add(name)
    return method


def _held(module: object, name: str, place: str) -> Any:
    """What a module, or whatever has taken its place, holds under a name; None where it has none. Raises UnknownName.

    It may have a `__getattr__` of its own, and its class properties.
    """
    try:
        return getattr(module, name, None)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise UnknownName(
            f"method {place!r:.200}: its module raised {failure(error)} when asked for {name!r}"
        ) from None


def of_function(function: Compute, name: str = "") -> Method:
    """As it was registered; undecorated, it claims everything, leaves nothing behind and takes no `out`."""
    if known := next((each for each in registered().values() if each.compute is function), None):
        return known
    summary = (function.__doc__ or "").strip().split("\n")[0]
    called = name or getattr(function, "__name__", type(function).__name__)
    return Method(name=called, family="own", compute=function, summary=summary, spreads=unsaid)


def has_no_backpack() -> bool:
    """Whether BackPACK is neither installed here nor broken: it is an extra."""
    return origin_of(BACKPACK, "backpack") is None


def left_out() -> tuple[str, ...]:
    """The methods of BackPACK where it is not here."""
    return tuple(m.name for m in registered().values() if m.package == BACKPACK) if has_no_backpack() else ()


def choose_methods(names: Iterable[str]) -> tuple[Method, ...]:
    """The methods of these names, or all that can run, but those that are too slow, where no name is given.

    A method that was asked for and cannot run raises BrokenEnvironment, and so does a BackPACK that is here and broken:
    a run must not lose its subject quietly. One that is not here at all is left out.
    """
    names = tuple(names)
    every = (each for each in registered().values() if not each.only_by_name)
    chosen = tuple(dict.fromkeys(map(find_method, names))) if names else tuple(every)
    here = () if has_no_backpack() else tuple(m for m in chosen if m.package == BACKPACK)
    required = chosen if names else here
    for candidate in required:
        if candidate.missing:
            raise BrokenEnvironment(
                f"method {candidate.name!r} cannot run: {candidate.missing}; install {candidate.package}, "
                "or choose other methods with --method"
            )
    return tuple(candidate for candidate in chosen if not candidate.missing)
