"""What is wrong in a test file or on the command line of pytest ends in one line that says so."""

from __future__ import annotations

import re

import pytest

from jaccheck.conformance import conforms
from jaccheck.errors import UnknownName
from jaccheck.runs import Choice
from jaccheck.runs.pytest.checks import checks_of


@pytest.mark.parametrize("name", ["agrement", "agreement-float8", "float32"])
def test_an_unknown_check_is_named(name: str) -> None:
    """With those there are."""
    with pytest.raises(UnknownName, match=rf"expected failure '{name}' is no check; known are structure, agreement"):
        conforms("outer_products", expected_failures={name: "a slip"})


@pytest.mark.parametrize(
    ("subject", "complaint"),
    [
        ("outer_prodcts", "method 'outer_prodcts' is not known; did you mean outer_products"),
        ("nowhere:own", "method 'nowhere:own': module 'nowhere' does not import: ModuleNotFoundError"),
        (
            "jaccheck.methods.func:nothing",
            "method 'jaccheck.methods.func:nothing': expected a function of a Problem in module",
        ),
        (3, "conforms(3): expected a name, 'package.module:function' or a function"),
    ],
)
def test_a_method_that_is_not_there_is_named(subject: object, complaint: str) -> None:
    """With what was expected."""
    with pytest.raises(UnknownName, match=re.escape(complaint)):
        list(checks_of(conforms(subject), Choice(), module="test_own"))  # type: ignore[arg-type]


@pytest.mark.full
def test_collecting_it_is_one_line(pytester: pytest.Pytester) -> None:
    """An error of collection without a traceback."""
    pytester.makepyfile("from jaccheck.conformance import conforms\ntest_own = conforms('outer_prodcts')")
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["test_own: method 'outer_prodcts' is not known; did you mean outer_products*"])
    assert "checks.py" not in done.stdout.str()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--jaccheck-method", "batch_grad_lop"), "method 'batch_grad_lop' is not known; did you mean batch_grad_loop"),
        (("--jaccheck-device", "cuda:17"), "device 'cuda:17' is not here; torch reports cpu"),
        (("--jaccheck-dtype", "float8"), "invalid choice: 'float8' (choose from"),
        (("--jaccheck-database", "redis://127.0.0.1:9"), "database 'redis://127.0.0.1:9': Error 111 connecting to"),
        (("--jaccheck-database", "redis://host:port"), "expected redis://HOST:PORT/NUMBER or a folder"),
        (("--jaccheck-database", "github://owner"), "expected github://OWNER/REPOSITORY"),
        (("--jaccheck-profile", "quick"), "invalid choice: 'quick' (choose from"),
    ],
)
def test_a_wrong_option_is_one_line(pytester: pytest.Pytester, arguments: tuple[str, ...], complaint: str) -> None:
    """A usage error of pytest, which ends with 4, without a traceback."""
    done = pytester.runpytest_subprocess("--pyargs", "jaccheck.conformance", *arguments)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = (line for line in done.stderr.lines if complaint in line)
    assert re.match(r"(ERROR|.*: error): ", line)
    assert "Traceback" not in done.stderr.str()
