"""The plugin in real runs of pytest: green, red, chosen, spread over workers, and unnoticed where it is not used."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from jaccheck.case import DTYPES
from jaccheck.judging import TESTED
from jaccheck.pytest_plugin import PROFILE_NAMES
from jaccheck.runs.pytest.conformance import DTYPE_NAMES
from jaccheck.runs.pytest.settings import SHRINK_SECONDS, profile
from jaccheck.selftest.mutants.registry import LAW_NAMES

pytestmark = pytest.mark.slow

SUITE = ("--pyargs", "jaccheck.conformance", "-p", "no:cacheprovider")
ONE_CELL = ("--jaccheck-method", "outer_products", "--jaccheck-dtype", "float32")


def test_names_written_out_are_those_there_are() -> None:
    """Dtypes, profiles and laws."""
    assert DTYPE_NAMES == DTYPES
    assert set(PROFILE_NAMES) == set(SHRINK_SECONDS)
    assert {law.name for law in TESTED} == LAW_NAMES | {"claims"}


def test_profiles_inherit_nothing_but_the_backend(pytester: pytest.Pytester) -> None:
    """They are the same under CI, where Hypothesis' own default is derandomized and has no database."""
    code = (
        "from jaccheck.runs.pytest.settings import profile\n"
        "for name in ('dev', 'ci', 'nightly'): print(repr(profile(name)))"
    )
    pytester.makepyfile(show=code)
    plain = pytester.runpython("show.py").outlines
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CI", "true")
        assert pytester.runpython("show.py").outlines == plain
    assert [profile(name).derandomize for name in PROFILE_NAMES] == [False, True, False]
    assert profile("ci").database is None
    assert profile("dev").database is not None


def test_all_of_one_method(pytester: pytest.Pytester) -> None:
    """A test for each law with a readable name; versions and seed at the head, coverage at the end.

    The random cases are Hypothesis' own examples, so its statistics count them.
    """
    done = pytester.runpytest_subprocess(*SUITE, *ONE_CELL, "-v", "--hypothesis-seed=7", "--hypothesis-show-statistics")
    done.assert_outcomes(passed=len(TESTED))
    for law in TESTED:
        done.stdout.fnmatch_lines([f"*::{law.id}[[]outer_products-cpu-float32] PASSED*"])
    done.stdout.re_match_lines([r"jaccheck: torch .* · BackPACK .* · cpu .* · profile dev · seed 7$"])
    done.stdout.re_match_lines(
        [
            r"=+ jaccheck =+",
            r"\s+outer_products\s+cpu\s+[1-9]\d\d\s+[1-9]\d\s+[1-9]\d",
            f"no finding in {len(TESTED)} checks",
        ]
    )
    assert len(re.findall(r"- 20 passing.*, 0 failing", done.stdout.str())) == len(TESTED)
    assert not (pytester.path / "jaccheck-findings").exists()


def test_workers_give_the_same_report(pytester: pytest.Pytester) -> None:
    """xdist collects the same names in each worker, `-k` chooses by law, and the summary is that of one process."""
    chosen = (*SUITE, *ONE_CELL, "--hypothesis-seed=7", "-k", "purity or aliasing")
    alone, spread = (pytester.runpytest_subprocess(*chosen, f"--junitxml={n}.xml", "-n", f"{n}") for n in (0, 2))
    spread.assert_outcomes(passed=2)
    summaries = [done.stdout.str().split(" jaccheck ==")[1].splitlines()[1:8] for done in (alone, spread)]
    assert summaries[0] == summaries[1]
    names = [
        {case.get("name") for case in ElementTree.parse(pytester.path / f"{n}.xml").iter("testcase")} for n in (0, 2)
    ]
    assert names[0] == names[1] == {f"{law}[outer_products-cpu-float32]" for law in ("purity", "no_aliasing")}


def test_workers_share_a_seed_that_was_drawn(pytester: pytest.Pytester) -> None:
    """All records of a run without --hypothesis-seed name one seed, and another run has another."""
    pytester.makeconftest(
        """
        import json
        def pytest_terminal_summary(terminalreporter):
            for report in terminalreporter.stats["passed"]:
                print("SEED", json.loads(report.jaccheck_record)["run"]["seed"]) if report.when == "call" else None
        """
    )
    chosen = (*SUITE, *ONE_CELL, "-k", "structure or no_aliasing", "-n", "2")
    seeds = [set(re.findall(r"SEED (\d+)", pytester.runpytest_subprocess(*chosen).stdout.str())) for _ in range(2)]
    assert [len(found) for found in seeds] == [1, 1]
    assert seeds[0] != seeds[1]


def test_nothing_is_loaded_or_said_where_it_is_not_used(pytester: pytest.Pytester) -> None:
    """Another project's run does not notice that jaccheck is installed."""
    pytester.makepyfile(
        """
        import sys
        def test_something():
            heavy = {"torch", "numpy", "pydantic", "rich", "scipy", "backpack", "jaccheck.runs.pytest.items"}
            assert "jaccheck.pytest_plugin" in sys.modules
            assert not heavy & set(sys.modules)
            assert "hypothesis" not in sys.modules
        """
    )
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(passed=1)
    assert "jaccheck: " not in done.stdout.str()
    assert " jaccheck ==" not in done.stdout.str()


def test_the_suite_is_in_the_run_of_this_project() -> None:
    """The same object, not a copy."""
    text = (Path(__file__).parent / "test_conformance.py").read_text()
    assert "from jaccheck.conformance import every_method" in text
