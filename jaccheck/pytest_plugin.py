"""The plugin of pytest: options, and the tests that `jaccheck.conformance` stands for. Loads nothing until it is used.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from jaccheck.core import bound_native_caches
from jaccheck.errors import JaccheckError
from jaccheck.runs import DTYPE_NAMES, Conformance

if TYPE_CHECKING:
    from jaccheck.runs import Run

PROFILE_NAMES = ("dev", "ci", "nightly")
"""Written out, since importing them takes time; a test holds them equal to those there are."""

DETERMINISTIC_SEED = "0"
RECORD = "jaccheck_record"
"""The attribute of a test's report that carries its record; xdist takes it from worker to controller."""

_seed = pytest.StashKey[str]()
_xfails = pytest.StashKey[Any]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the conformance tests."""
    group = parser.getgroup("jaccheck", "conformance of batched Jacobians (jaccheck)")
    group.addoption(
        "--jaccheck-profile",
        choices=PROFILE_NAMES,
        default="dev",
        help="how many random cases: dev, 20 for each test; ci, 100, always the same; nightly, 2000. Default: dev",
    )
    group.addoption(
        "--jaccheck-method",
        action="append",
        default=[],
        metavar="NAME",
        help="of the installed methods, only this one (repeatable)",
    )
    group.addoption(
        "--jaccheck-device",
        action="append",
        default=[],
        metavar="NAME",
        help="only this device, as torch names it (repeatable)",
    )
    group.addoption(
        "--jaccheck-dtype",
        action="append",
        default=[],
        choices=DTYPE_NAMES,
        help="only this dtype (repeatable)",
    )
    group.addoption(
        "--jaccheck-workers",
        type=int,
        choices=(0, 1),
        default=1,
        help="1: methods run on the CPU in a fork of this process, which they may end or block; 0: in this process, "
        "for debuggers and coverage. Default: 1",
    )
    group.addoption(
        "--jaccheck-findings",
        default="jaccheck-findings",
        metavar="DIR",
        help="where findings are stored. Default: jaccheck-findings",
    )
    group.addoption(
        "--jaccheck-xfails",
        metavar="FILE",
        help="checks that are expected to fail, a line each: `agreement[hooks-cpu-float16]: reason`; * stands for any "
        "letters",
    )
    group.addoption(
        "--jaccheck-database",
        default=os.environ.get("JACCHECK_DATABASE"),
        metavar="DIR|URL",
        help="a folder or redis://HOST that several machines share: what failed on one is tried first by the others; "
        "or github://OWNER/REPOSITORY, for what failed in its workflows. "
        "Default: $JACCHECK_DATABASE, else .hypothesis (none in the profile ci)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Draws the seed of the run, and refuses methods, devices and a database that are not here."""
    config.addinivalue_line("markers", "jaccheck: conformance of a method of batched Jacobians")
    config.stash[_seed] = _choose_seed(config)
    methods, devices = config.getoption("--jaccheck-method"), config.getoption("--jaccheck-device")
    database = config.getoption("--jaccheck-database")
    try:
        config.stash[_xfails] = _read_xfails(config.getoption("--jaccheck-xfails"))
        if database:
            from jaccheck.runs import shared_database

            shared_database(database)
        if methods:
            from jaccheck.methods import choose_methods

            choose_methods(methods)
        if devices:
            from jaccheck.methods import choose_devices

            choose_devices(devices)
    except JaccheckError as error:
        raise pytest.UsageError(str(error)) from None


def _read_xfails(path: str | None) -> Any:
    if path is None:
        return ()
    from pathlib import Path

    from jaccheck.runs import read_xfails

    return read_xfails(Path(path))


def _choose_seed(config: pytest.Config) -> str:
    """One for the whole run, the workers of xdist included: the laws share cases, and so a run can be repeated."""
    given: str | None = config.getoption("--hypothesis-seed", default=None)
    if given is not None:
        return given
    if config.getoption("--jaccheck-profile") == "ci":
        return DETERMINISTIC_SEED
    worker: dict[str, Any] = getattr(config, "workerinput", {})
    drawn: str = worker.get("jaccheck_seed") or str(int.from_bytes(os.urandom(4), "big"))
    return drawn


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Gives the seed to a worker of xdist."""
    node.workerinput["jaccheck_seed"] = node.config.stash[_seed]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadgroup` the tests of a method, device and dtype run in one process and share their references."""
    if config.getoption("dist") != "loadgroup":
        return None
    from jaccheck.runs import Together

    return Together(config, log)


def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, name: str, obj: Any) -> Any:
    """The tests of a `Conformance` that stands in a test file."""
    if type(obj) is not Conformance:
        return None
    bound_native_caches()
    from jaccheck.runs import ELSEWHERE, Choice, collect

    config = collector.config
    ELSEWHERE.is_wanted = config.getoption("--jaccheck-workers") > 0
    choice = Choice(
        methods=tuple(config.getoption("--jaccheck-method")),
        devices=tuple(config.getoption("--jaccheck-device")),
        dtypes=tuple(config.getoption("--jaccheck-dtype")),
    )
    return collect(obj, name, collector, choice, _run(config), config.stash[_xfails])


def _run(config: pytest.Config) -> Run:
    from jaccheck.runs import Run

    return Run(
        profile=config.getoption("--jaccheck-profile"),
        seed=config.stash[_seed],
        directory=config.getoption("--jaccheck-findings"),
        database=config.getoption("--jaccheck-database"),
    )


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> str | None:
    """Versions, devices and seed, where there is a conformance test; under xdist they stand in the summary only."""
    if not any(item.get_closest_marker("jaccheck") for item in items):
        return None
    from jaccheck.runs import conformance_head, environment_here

    return conformance_head(environment_here(), _run(config))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Puts the record of a conformance test into its report."""
    report = yield
    record = getattr(item, "record", None)
    if call.when == "call" and record is not None and item.get_closest_marker("jaccheck"):
        setattr(report, RECORD, record())
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Makes a run fail that compared nothing: each conformance test was skipped, but those of refusals."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a worker of xdist
        return
    records = [(kind, r) for kind, reports in reporter.stats.items() for r in reports if hasattr(r, RECORD)]
    asked = {kind for kind, report in records if json.loads(getattr(report, RECORD))["law"] != "claims"}
    if asked == {"skipped"} and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line("jaccheck: nothing was compared: every method refused every case that was drawn", red=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Coverage and findings, where a conformance test has run."""
    reports = [report for kind in terminalreporter.stats.values() for report in kind]
    records = [getattr(report, RECORD) for report in reports if hasattr(report, RECORD)]
    if not records:
        return
    from jaccheck.runs import conformance_summary

    terminalreporter.section("jaccheck")
    for line in conformance_summary(records):
        terminalreporter.write_line(line)
