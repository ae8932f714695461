"""Conformance tests in any order, spread over processes, and by the node ids that a run has printed."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

import pytest
from jaccheck_support.environments import ROOT, LinkedEnvironment

from jaccheck.case import DTYPES
from jaccheck.judging import TESTED
from jaccheck.runs.pytest.together import group_of

SUITE = """
from jaccheck.conformance import conforms

test_own = conforms("outer_products")


class TestInside:
    test_hooks = conforms("hooks")
"""

CHOSEN = ("--jaccheck-dtype=float32", "--hypothesis-seed=7", "-p", "no:cacheprovider")
INSTALLED = ("--pyargs", "jaccheck.conformance", "--jaccheck-method=outer_products")


def test_what_is_of_one_cell_is_of_one_group() -> None:
    """All laws of a suite, device and dtype, wherever it stands; no test of anybody else."""
    for law in TESTED:
        assert group_of(f"jaccheck.conformance::{law.id}[hooks-cuda:0-float16]") == "hooks-cuda:0-float16"
        assert group_of(f"a/test_b.py::C::test_d[{law.id}-cpu-float64]") == "a/test_b.py::C::test_d[cpu-float64]"
    assert {group_of(f"x.py::t[agreement-cpu-{dtype}]") for dtype in DTYPES} == {f"x.py::t[cpu-{d}]" for d in DTYPES}
    for other in ("x.py::t[add-cpu-float64]", "x.py::t[float64]", "x.py::t", "x.py", "x.py::t[agreement-cpu-int8]"):
        assert group_of(other) is None


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> LinkedEnvironment:
    """jaccheck installed, not a checkout of it, whose conftest.py distributes tests itself; with pytest-randomly."""
    there = LinkedEnvironment(tmp_path_factory.mktemp("elsewhere") / "env")
    there.install("--no-deps", "--no-build-isolation", ROOT)
    there.install("--no-deps", "pytest-randomly")
    return there


def outcomes(folder: Path, file: str) -> dict[str, str]:
    """By class and name of a test, what JUnit's XML says: how it ended, on which case count, with which seed."""
    found = {}
    for case in ElementTree.parse(folder / file).iter("testcase"):
        said = {each.get("name"): each.get("value") for each in case.iter("property")}
        ended = [child.tag for child in case if child.tag != "properties"]
        found[f"{case.get('classname')}::{case.get('name')}"] = f"{ended} {said['cases']} {said['seed']}"
    return found


@pytest.mark.slow
def test_in_any_order(elsewhere: LinkedEnvironment, tmp_path: Path) -> None:
    """pytest-randomly: another order, and the same outcomes on as many cases."""
    (tmp_path / "test_suite.py").write_text(SUITE)
    found, orders = [], set()
    for order in (("-p", "no:randomly"), ("-p", "randomly", "--randomly-seed=1")):
        command = ("-m", "pytest", "test_suite.py", "-v", "--junitxml=o.xml", "-o", "junit_family=xunit1")
        done = elsewhere.run(*command, *CHOSEN, "-k", "structure or aliasing", *order, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        orders.add(tuple(re.findall(r"^(test_suite\S+) PASSED", done.stdout, re.MULTILINE)))
        found.append(outcomes(tmp_path, "o.xml"))
    assert len(orders) == 2, orders
    assert {len(order) for order in orders} == {4}
    assert found[0] == found[1]
    assert all("[] " in outcome for outcome in found[0].values())


@pytest.mark.slow
@pytest.mark.parametrize("asked", [("test_suite.py",), INSTALLED], ids=["suite", "installed"])
def test_in_groups(elsewhere: LinkedEnvironment, tmp_path: Path, asked: tuple[str, ...]) -> None:
    """xdist's `--dist loadgroup`: what shares references runs in one process, and what is printed can be passed back.

    A class name in JUnit's XML is that of where the test stands.
    """
    (tmp_path / "test_suite.py").write_text(SUITE)
    common = ("-m", "pytest", "-p", "no:randomly", "-v", *CHOSEN)
    two = ("--jaccheck-dtype=bfloat16", "-k", "structure or purity", "-n", "2", "--dist", "loadgroup")
    run = elsewhere.run(*common, *asked, *two, "--junitxml=a.xml", cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    workers = defaultdict(set)
    for worker, node in re.findall(r"^\[(gw\d)\].* PASSED (\S+)", run.stdout, re.MULTILINE):
        workers[group_of(node)].add(worker)
    assert len(workers) == (4 if asked == ("test_suite.py",) else 2), run.stdout
    assert all(len(found) == 1 for found in workers.values()), workers
    assert len(set.union(*workers.values())) == 2, workers

    printed = re.findall(r" PASSED (\S+structure\[?\S*float32\])", run.stdout)
    pyargs = asked[:1] if asked == INSTALLED else ()
    again = elsewhere.run(*common, *pyargs, *printed, "--junitxml=b.xml", cwd=tmp_path)
    assert re.findall(r"^(\S+) PASSED", again.stdout, re.MULTILINE) == printed, again.stdout + again.stderr
    found = outcomes(tmp_path, "b.xml")
    assert len(found) == (1 if pyargs else 2)
    assert found.keys() <= outcomes(tmp_path, "a.xml").keys()
    assert {name.partition("[")[0] for name in found} == {
        node.partition("[")[0].replace(".py::", "::").replace("::TestInside", ".TestInside") for node in printed
    }
