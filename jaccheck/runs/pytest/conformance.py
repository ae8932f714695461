"""`Conformance`: the tests that a name in a test file stands for. Loads neither torch nor hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jaccheck.core import checked
from jaccheck.errors import UnknownName

if TYPE_CHECKING:
    from jaccheck.methods import Method

DTYPE_NAMES = ("float64", "float32", "bfloat16", "float16")
"""Written out, since importing them takes time; a test holds them equal to those of `jaccheck.case`."""


@dataclass(frozen=True, slots=True)
class Conformance:
    """What pytest collects as tests: one for each law × method × device × dtype; `subject` None is every method."""

    subject: str | Callable[..., Any] | Method | None = None
    expected_failures: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.subject is not None:
            _check_subject(self.subject)
        if not self.expected_failures:
            return
        from jaccheck.judging import TESTED  # torch, too, which such a test needs in any case

        laws = [law.id for law in TESTED]
        for name in self.expected_failures:
            law, _, dtype = name.partition("-")
            if law not in laws or (dtype and dtype not in DTYPE_NAMES):
                raise UnknownName(
                    f"expected failure {name!r} is no check; known are {', '.join(laws)}, "
                    f"each alone or with a dtype, as in '{laws[0]}-{DTYPE_NAMES[0]}'"
                )

    def reason(self, law: str, dtype: str) -> str | None:
        """Why this check is expected to fail, or None where it is not."""
        return self.expected_failures.get(f"{law}-{dtype}", self.expected_failures.get(law))


def _check_subject(subject: object) -> None:
    """Raises UnknownName for what is no method, nor the name of one."""
    if isinstance(subject, str) or callable(subject):
        return
    from jaccheck.methods import Method  # torch, too

    if not isinstance(subject, Method):
        raise UnknownName(f"conforms({subject!r:.200}): expected a name, 'package.module:function' or a function")


@checked("expected_failures")
def conforms(
    method: str | Callable[..., Any] | Method, *, expected_failures: Mapping[str, str] | None = None
) -> Conformance:
    """Tests of one method, to be assigned to a `test_…` name: every law on every device and dtype.

    `method` is the name of a registered one, "package.module:function", or the function itself. `expected_failures`
    gives the reason for each check that is known to fail; one that passes all the same fails the test. Raises
    UnknownName for a check that does not exist, and for what is no method.
    """
    _check_subject(method)
    return Conformance(method, dict(expected_failures or {}))
