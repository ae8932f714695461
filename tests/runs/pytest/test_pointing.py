"""A conformance test points at its user's file, carries what it was asked, and may be expected to fail by a file."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from jaccheck.errors import InvalidRequest
from jaccheck.runs.pytest.places import definition_of, line_of
from jaccheck.runs.pytest.xfails import read_xfails, reason_for

METHOD = """
import jaccheck


@jaccheck.method(family="mine")
def reversed_rows(problem):
    return {name: J.flip(0) for name, J in jaccheck.jacobians(problem.model, problem.X).items()}
"""

SUITE = """
from jaccheck.conformance import conforms

import mine


test_mine = conforms(mine.reversed_rows)
"""


def test_an_assignment_and_an_import_have_a_line(pytester: pytest.Pytester) -> None:
    """Counted from 0; none where the file does not parse, or the name is not there."""
    path = pytester.makepyfile(test_a=SUITE)
    assert line_of(path, "test_mine") == 5
    assert line_of(path, "conforms") == 0
    assert line_of(path, "absent") is None
    assert line_of(pytester.makepyfile(broken="x = ("), "x") is None


def test_methods_of_ones_own_have_a_place() -> None:
    """Those of jaccheck do not: their source is not the user's."""
    from jaccheck.methods import Method, find_method

    own = Method(name="own", family="own", compute=test_methods_of_ones_own_have_a_place, summary="")
    place = definition_of(own)
    assert place is not None
    assert place[0].name == "test_pointing.py"
    assert definition_of(find_method("hooks")) is None


def test_a_file_of_expected_failures_is_read(pytester: pytest.Pytester) -> None:
    """A name with `*`, the whole node id, comments; the last line that means a test counts, and `[` is no pattern."""
    path = pytester.path / "xfails.txt"
    path.write_text("# why\n\nagreement[*-float16]: no kernel\ntest_a.py::test_x[purity-cpu-float64]: as it is\n")
    expected = read_xfails(path)
    assert reason_for("agreement[hooks-cpu-float16]", expected) == "no kernel"
    assert reason_for("agreement[hooks-cpu-float64]", expected) is None
    assert reason_for("test_x[purity-cpu-float64]", expected) == "as it is"
    assert reason_for("agreementh", expected) is None
    path.write_text("agreement[hooks]\n")
    with pytest.raises(InvalidRequest, match="line 1: 'agreement\\[hooks\\]': expected `NAME: reason`"):
        read_xfails(path)


@pytest.mark.slow
def test_a_red_test_points_at_the_users_file(pytester: pytest.Pytester) -> None:
    """At the line that asks for it; its text begins with the line of the method; JUnit has its properties."""
    pytester.makepyfile(mine=METHOD, test_mine=SUITE)
    chosen = ("--jaccheck-dtype=float64", "-k", "agreement", "-p", "no:cacheprovider")
    done = pytester.runpytest_subprocess(*chosen, "--junitxml=junit.xml", "-o", "junit_family=xunit1")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*mine.py:4: *reversed_rows*"])
    (case,) = ElementTree.parse(pytester.path / "junit.xml").getroot().iter("testcase")
    assert (case.get("file"), case.get("line")) == ("test_mine.py", "5")
    properties = {each.get("name"): each.get("value") for each in case.iter("property")}
    assert properties["law"] == "agreement"
    assert properties["dtype"] == "float64"
    assert properties["device"] == "cpu"
    assert int(properties["cases"] or 0) > 0
    assert {"method", "seed"} <= properties.keys()
    (node,) = [line.split(" ")[1] for line in done.outlines if line.startswith("FAILED ")]
    assert node == "test_mine.py::test_mine[agreement-cpu-float64]"
    pytester.makefile(".txt", xfails=f"{node}: the rows are reversed\n")
    expected = pytester.runpytest_subprocess(node, "--jaccheck-xfails=xfails.txt", "-p", "no:cacheprovider")
    expected.assert_outcomes(xfailed=1)
    wrong = pytester.runpytest_subprocess("--jaccheck-xfails=absent.txt")
    assert wrong.ret == pytest.ExitCode.USAGE_ERROR
