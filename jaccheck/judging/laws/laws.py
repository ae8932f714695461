"""All laws, and which of them are due on a case.

`STRUCTURE` comes first; the others are asked only where it holds, and then all of them, so that one failure does not
hide another.
"""

from __future__ import annotations

from zlib import crc32

from jaccheck.judging.laws.agreement import AGREEMENT
from jaccheck.judging.laws.aliasing import NO_ALIASING
from jaccheck.judging.laws.finite import FINITE
from jaccheck.judging.laws.freed_memory import FREED_MEMORY
from jaccheck.judging.laws.identities import HOMOGENEITY, SUM_OVER_SAMPLES
from jaccheck.judging.laws.law import Law, When
from jaccheck.judging.laws.out_argument import OUT_ARGUMENT
from jaccheck.judging.laws.purity import PURITY
from jaccheck.judging.laws.related import BATCH, OUTPUTS
from jaccheck.judging.laws.repeatability import REPEATABILITY
from jaccheck.judging.laws.shares import SHARES
from jaccheck.judging.laws.structure import STRUCTURE
from jaccheck.judging.scripts.entries import result_ending
from jaccheck.reports import SURVIVAL

NO_EXCEPTION = Law(
    name="no exception",
    statement="on a case that it does not refuse beforehand, the method raises nothing",
    when=When.BY_JUDGE,
    ending=result_ending,
)
CLAIMS = Law(
    name="claims",
    statement="a case that the method refuses is one that it does not get right",
    sees="a refusal that is out of date",
    when=When.BY_JUDGE,
    ending=result_ending,
)
LASTING = Law(
    name=SURVIVAL,
    statement="the process survives, and the method stays within its limits of time, memory and output",
    sees="an abort, a call that never returns",
    when=When.BY_PROCESS,
    ending=result_ending,
    backs=NO_EXCEPTION.name,
)

ALL_LAWS = (
    STRUCTURE,
    AGREEMENT,
    PURITY,
    NO_ALIASING,
    REPEATABILITY,
    OUT_ARGUMENT,
    BATCH,
    OUTPUTS,
    FINITE,
    FREED_MEMORY,
    SUM_OVER_SAMPLES,
    HOMOGENEITY,
    SHARES,
    NO_EXCEPTION,
    CLAIMS,
    LASTING,
)
"""In the order in which they are asked: purity and aliasing look at the model before it is called again."""

LAW_OF = {law.name: law for law in ALL_LAWS}


def _asked(*when: When) -> tuple[Law, ...]:
    return tuple(law for law in ALL_LAWS if law.when in when)


LAWS = _asked(When.ALWAYS, When.REPEATED, When.SELDOM)
"""Those that are asked of a result of the right structure."""

CALLED_ONCE = _asked(When.ALWAYS)
REPEATED = _asked(When.ALWAYS, When.REPEATED)
RELATED = _asked(When.SELDOM)

TESTED = tuple(law for law in ALL_LAWS if law.when is not When.BY_PROCESS and not law.backs)
"""Those with a test of their own in pytest."""

SELDOM = 16
"""Each of RELATED is asked of a method on one case in so many."""

_EVERY = SELDOM // len(RELATED)


def laws_due(position: int, repeat_every: int) -> tuple[Law, ...]:
    """The laws that are asked of a method on the case at a position, so that costs are shared out evenly."""
    laws = REPEATED if position % repeat_every == 0 else CALLED_ONCE
    turn, place = divmod(position, _EVERY)
    return (*laws, *((RELATED[turn % len(RELATED)],) if place == _EVERY // 2 else ()))


VARIANT_EVERY = 3
"""A variant of another method is asked on one case in so many, and each time one of the laws that call it again."""


def laws_of_variant(position: int) -> tuple[Law, ...] | None:
    """The laws that are asked of a variant on the case at a position, each of them in its turn; None for no question.

    Of sixteen cases in a row, as a family has them in every profile, it meets all laws.
    """
    visit, between = divmod(position, VARIANT_EVERY)
    if between:
        return None
    turn = visit % (len(RELATED) + 1)
    return (*CALLED_ONCE, RELATED[turn - 1]) if turn else REPEATED


def place_of(name: str) -> int:
    """What is added to the position of a case for a method: on each case other methods are asked what costs most."""
    return crc32(name.encode()) % SELDOM


def table() -> str:
    """The table of laws in docs/laws.md, which `python -m jaccheck.judging.laws.laws` prints."""
    rows = (f"| {law.name} | {law.statement} | {law.sees} |" for law in ALL_LAWS)
    head = "| law | what must hold | what it sees that comparing with autograd does not |\n|---|---|---|\n"
    return head + "\n".join(rows)


if __name__ == "__main__":
    print(table())
