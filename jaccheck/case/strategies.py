"""`cases()`: Hypothesis draws random cases; `draw_cases` draws them by a seed, the same ones in every process.

Numbers come by recipe and seed, so live tensors never are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

from jaccheck.case.case import DTYPES, Case, DType
from jaccheck.case.families.registry import BY_NAME, FAMILIES
from jaccheck.core import checked, chosen


@checked()
def cases(family: str | None = None, dtypes: Sequence[DType] = DTYPES) -> st.SearchStrategy[Case]:
    """Random cases of one family, or of any, in one of `dtypes`. Raises UnknownName."""
    families, kinds = chosen("family", (family,) if family else (), FAMILIES), chosen("dtype", tuple(dtypes), DTYPES)
    return st.sampled_from(families).flatmap(lambda drawn: _of(drawn, kinds))


@cache
def _of(family: str, dtypes: tuple[DType, ...]) -> st.SearchStrategy[Case]:
    return BY_NAME[family].strategy(dtypes)


class SameEverywhere(HypothesisProvider):
    """Draws what the seed says, and nothing that depends on what else is loaded.

    Hypothesis likes to draw constants that it finds in the source of loaded modules outside site-packages. A worker, a
    checkout and an installed wheel have others loaded, so one seed would mean other cases in each.
    """

    def _maybe_draw_constant(self, *args: object, **options: object) -> None:
        """No constant."""


BACKEND = "jaccheck"
"""The name under which Hypothesis knows it."""

AVAILABLE_PROVIDERS[BACKEND] = f"{SameEverywhere.__module__}.{SameEverywhere.__name__}"


def draw_cases(family: str, dtypes: Sequence[DType], *, seed_number: int, count: int) -> list[Case]:
    """About `count` cases of a family, the same ones for the same seed; the first is the simplest there is."""
    drawn: list[Case] = []

    @seed(seed_number)
    @settings(
        backend=BACKEND,
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
        stateful_step_count=1,
        report_multiple_bugs=False,
    )
    @given(cases(family, dtypes))
    def collect(case: Case) -> None:
        drawn.append(case)

    collect()
    return drawn
