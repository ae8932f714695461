"""Conformance tests of methods that end or block the process: red, and nothing else is lost."""

from __future__ import annotations

import pytest

METHODS = """
import ctypes, os, time
from jaccheck.conformance import conforms
from jaccheck.methods import find_method

def right(problem):
    return find_method("vmap_vjp").compute(problem)

def ends(problem):
    os._exit(0)

def is_killed(problem):
    ctypes.string_at(0)

def test_of_something_else():
    pass

test_ends = conforms(ends)
test_is_killed = conforms(is_killed)
"""


@pytest.mark.full
def test_a_method_that_ends_the_process_is_red(pytester: pytest.Pytester) -> None:
    """Its test of exceptions says how; that of agreement, that nothing was compared; the others are run."""
    pytester.makepyfile(METHODS)
    done = pytester.runpytest_subprocess(
        "-k", "something or no_exception or agreement", "--jaccheck-dtype", "float64", "-p", "no:randomly"
    )
    done.assert_outcomes(passed=1, failed=4)
    done.stdout.fnmatch_lines(
        [
            "*CRASHED: ends on cpu, survival: the process ended itself with exit code 0",
            "*CRASHED: is_killed on cpu, survival: the process was ended by SIGSEGV",
        ]
    )
    assert done.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.full
def test_nothing_compared_is_no_expected_failure(pytester: pytest.Pytester) -> None:
    """A law of which nobody could be asked is not one that is known to fail."""
    pytester.makepyfile(
        """
        from jaccheck.conformance import conforms

        def raises(problem):
            raise RuntimeError("never right")

        test_raises = conforms(raises, expected_failures={"agreement": "values are known to be wrong"})
        """
    )
    done = pytester.runpytest_subprocess("-k", "agreement", "--jaccheck-dtype", "float64")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*VACUOUS: nothing was compared*"])


@pytest.mark.full
def test_a_method_that_refuses_everything_is_no_green_run(pytester: pytest.Pytester) -> None:
    """That its refusals are true is no comparison."""
    pytester.makepyfile(
        """
        import jaccheck
        from jaccheck.conformance import conforms

        @jaccheck.method(unsupported=lambda problem: "it refuses everything", family="mine")
        def refuses(problem):
            raise RuntimeError("never right")

        test_refuses = conforms(refuses)
        """
    )
    done = pytester.runpytest_subprocess("-k", "agreement or claims", "--jaccheck-dtype", "float64")
    done.assert_outcomes(passed=1, skipped=1)
    done.stdout.fnmatch_lines(["*nothing was compared: every method refused every case*"])
    assert done.ret == pytest.ExitCode.TESTS_FAILED


def test_a_module_that_ends_the_process_is_no_green_run(pytester: pytest.Pytester) -> None:
    """It ends a fork, in which it is imported first."""
    pytester.makepyfile(
        is_gone="import os\nos._exit(0)\n",
        test_it="""
        from jaccheck.conformance import conforms
        test_it = conforms("is_gone:f")
        """,
    )
    done = pytester.runpytest_subprocess()
    assert done.ret == pytest.ExitCode.INTERRUPTED
    done.stdout.fnmatch_lines(["*importing it: the process ended itself with exit code 0*"])
