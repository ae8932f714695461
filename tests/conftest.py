"""What several test files share."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings
from jaccheck_support.skipping import ELSEWHERE
from jaccheck_support.testing import Run

from jaccheck.case import Case, Linear, ReLU
from jaccheck.cli.exits import exit_code

gc.disable()  # until all is collected: nothing of it goes away

# No test depends on how busy the machine is; Hypothesis' own limit is a fifth of a second for each example.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

NO_SKIP = bool(os.environ.get("JACCHECK_NO_SKIP"))
"""Set where everything is installed that a test may need: what is skipped there is not tested anywhere."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Makes an error of a test that was skipped, where none may be."""
    report = yield
    return failed_if_skipped(report)  # type: ignore[return-value]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """The same of a file."""
    report = yield
    return failed_if_skipped(report)  # type: ignore[return-value]


def failed_if_skipped(report: object) -> object:
    """The report, failed where it says that something was skipped and JACCHECK_NO_SKIP is set."""
    skipped = getattr(report, "skipped", False) and not hasattr(report, "wasxfail")
    if NO_SKIP and skipped and ELSEWHERE not in str(getattr(report, "longrepr", "")):
        report.outcome = "failed"  # type: ignore[attr-defined]
        report.longrepr = f"skipped, where JACCHECK_NO_SKIP says that all must run: {report.longrepr}"  # type: ignore[attr-defined]
    return report


def pytest_collection_finish() -> None:
    """Half of the time of collecting five thousand tests were garbage collections that found nothing."""
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Small problems are fastest on one thread, and two cores are shared; so it is for the fixtures of modules, too."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """No size of a terminal: readline, once it is loaded, puts that of the one that the tests run in here."""
    for name in ("LINES", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _validating() -> None:
    """torch.compile, once used in a process, leaves distributions without a look at their arguments."""
    torch.distributions.Distribution.set_default_validate_args(True)


@pytest.fixture
def case() -> Case:
    """A small network with a kink."""
    layers = (Linear(out_features=4), ReLU(), Linear(out_features=2))
    return Case(layers=layers, in_shape=(3,), batch_size=5)


@pytest.fixture
def jaccheck(tmp_path: Path) -> Run:
    """Runs the command line in a process of its own, in an empty folder."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "jaccheck", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300, **options)  # type: ignore[call-overload, no-any-return]

    return run


@pytest.fixture
def jaccheck_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The same in this process, where torch is loaded: for what no process of its own is needed to see."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["jaccheck", *map(str, arguments)])
        before = signal.getsignal(signal.SIGINT)
        try:
            code = exit_code()
        finally:
            signal.signal(signal.SIGINT, before)
        said = capfd.readouterr()
        return subprocess.CompletedProcess(sys.argv, code, said.out, said.err)

    return run
