"""`verify` and `check_method`: random cases, as the command `jaccheck verify` has them, from Python."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Literal

from jaccheck.case import DTYPES, FAMILIES, PROFILES
from jaccheck.core import MOST, bound_native_caches, checked, chosen, plural
from jaccheck.errors import InvalidRequest
from jaccheck.methods import Jacobians, Method, Problem, choose_devices, of_function
from jaccheck.rendering import finding_text
from jaccheck.reports import Finding, Report, Settings
from jaccheck.runs import ShardResult, Tally, in_this_process, run_shards, shards
from jaccheck.selftest import choose_with_mutants

OnFail = Literal["raise", "report"]

SEEDS = 2**32
"""Seeds are below that, as those of the command."""

Subject = str | Method | Callable[[Problem], Jacobians]
"""A method by its name or `package.module:function`, as it is registered, or a function that is not."""


@checked("profile", "devices", "dtypes", "families")
def verify(
    methods: Sequence[Subject] = (),
    *,
    profile: str = "quick",
    seed: int | None = None,
    max_examples: int | None = None,
    seconds: float | None = None,
    devices: Sequence[str] = (),
    dtypes: Sequence[str] = (),
    families: Sequence[str] = (),
) -> Report:
    """What these methods, or all that can run here, do on random cases, as `jaccheck verify` has them.

    `seed` makes it repeatable; `max_examples` is how many cases are run, whatever the profile says, and `seconds` until
    when new ones are drawn. Everything runs in this process: a method that ends it, or never returns, ends the run; the
    command has processes of its own for that. Ctrl-C ends it with the report of what was done.
    Raises UnknownName, BrokenEnvironment and InvalidRequest.
    """
    bound_native_caches()
    found = _methods(methods)
    chosen("profile", (profile,), tuple(PROFILES))
    _check_amounts(seed, max_examples, seconds)
    places = choose_devices(tuple(devices))
    settings = Settings(
        profile=profile,
        seed=secrets.randbits(32) if seed is None else seed,
        max_examples=max_examples,
        time=seconds,
        methods=tuple(method.name for method in found),
        devices=tuple(places),
        dtypes=chosen("dtype", tuple(dtypes), DTYPES),
        families=chosen("family", tuple(families), FAMILIES),
    )
    kind = PROFILES[profile]
    judges = in_this_process(found, kind)
    each = shards(kind, settings)
    return run_shards(settings, kind, found, places, shards=each, judges=judges, listener=_Silent())


@checked("profile", "devices", "dtypes", "families")
def check_method(
    method: Subject,
    *,
    profile: str = "quick",
    on_fail: OnFail = "raise",
    seed: int = 0,
    max_examples: int | None = None,
    devices: Sequence[str] = (),
    dtypes: Sequence[str] = (),
    families: Sequence[str] = (),
) -> Report:
    """The report on one method: every law on random cases, as scikit-learn's check_estimator asks an estimator.

    `method` is a function `Problem -> Jacobians`, decorated or not, or the name of one. With `on_fail="raise"` a
    finding, or a run that compared nothing, raises AssertionError with the smallest case and a script, and Ctrl-C
    KeyboardInterrupt; with "report" it only stands in the report, which then has `found_something`.
    """
    if on_fail not in ("raise", "report"):
        raise InvalidRequest(f"on_fail={on_fail!r}: expected 'raise' or 'report'")
    report = verify(
        [method],
        profile=profile,
        seed=seed,
        max_examples=max_examples,
        devices=devices,
        dtypes=dtypes,
        families=families,
    )
    if on_fail == "raise" and report.interrupted and not report.findings:
        raise KeyboardInterrupt  # nobody knows whether it is right
    if on_fail == "raise" and report.found_something:
        texts = [finding_text(finding) for finding in report.findings]
        hidden = [f"{cell.method}: nothing was compared in {cell.dtype}, {cell.family}" for cell in report.vacuous]
        count = plural(len(report.findings), "finding") if texts else "nothing wrong, but not all was compared"
        raise AssertionError("\n\n".join((f"{report.settings.methods[0]}: {count}", *texts, *hidden)))
    return report


def _check_amounts(seed: object, max_examples: object, seconds: object) -> None:
    """Nothing where each is None or in its range. Raises InvalidRequest."""
    if seed is not None and not (isinstance(seed, int) and 0 <= seed < SEEDS):
        raise InvalidRequest(f"seed={seed!r:.200}: expected a whole number from 0 to {SEEDS - 1:,}")
    if max_examples is not None and not (isinstance(max_examples, int) and 0 < max_examples <= MOST):
        raise InvalidRequest(f"max_examples={max_examples!r:.200}: expected a whole number above 0, at most {MOST:,}")
    if seconds is not None and not (isinstance(seconds, int | float) and 0 < seconds <= MOST):
        raise InvalidRequest(f"seconds={seconds!r:.200}: expected a number above 0, at most {MOST:,}")


def _methods(subjects: object) -> tuple[Method, ...]:
    """The methods of these names and functions. Raises InvalidRequest for what is neither."""
    each = [subjects] if isinstance(subjects, str | Method) or callable(subjects) else subjects
    if not isinstance(each, Sequence):
        raise InvalidRequest(f"methods={subjects!r:.200}: expected names of methods, Methods or functions")
    if not each:
        return choose_with_mutants(())
    found: dict[str, Method] = {}
    for one in (one for subject in each for one in _method(subject)):
        if found.setdefault(one.name, one).compute is not one.compute:
            raise InvalidRequest(f"two methods are called {one.name!r:.200}: give one of them another name")
    return tuple(found.values())


def _method(subject: object) -> tuple[Method, ...]:
    if isinstance(subject, Method):
        return (subject,)
    if isinstance(subject, str):
        return choose_with_mutants((subject,))
    if not callable(subject):
        raise InvalidRequest(f"method {subject!r:.200}: expected a name, a Method or a function of a Problem")
    return (of_function(subject),)


class _Silent:
    def on_result(self, result: ShardResult, tally: Tally) -> None: ...
    def on_finding(self, finding: Finding) -> None: ...
    def on_given_up(self, method: str) -> None: ...
