"""The report of the self-test as text: what each judge killed, its false alarms, and one line that says it all."""

from __future__ import annotations

from collections import Counter

from rich import box
from rich.console import Console
from rich.table import Table

from jaccheck.core import duration_text, plural
from jaccheck.rendering.fitting import fitted, prose
from jaccheck.rendering.text import environment_line
from jaccheck.reports import JUDGES, MutantScore, SelftestReport


def print_selftest(found: SelftestReport, console: Console) -> None:
    """Prints it."""
    console.print(fitted(_by_kind(found), console))
    console.print(fitted(_alarms(found), console))
    for mutant in found.survivors:
        prose(console, f"SURVIVED: {mutant.name} ({mutant.kind}): {mutant.summary}", "red")
    for alarm in found.alarms:
        prose(console, f"FALSE ALARM: {alarm.method}: {alarm.message}\n{alarm.case}", "red")
    if found.environment:
        prose(console, environment_line(found.environment))
    scores = {each.judge: each for each in found.scores}
    own = scores["jaccheck"]
    after = sorted(mutant.jaccheck.after for mutant in found.mutants if mutant.jaccheck)
    median = after[len(after) // 2] if after else 0
    prose(
        console,
        f"mutation score {own.killed} of {own.mutants} (95 % confidence: at least {100 * own.lower_limit:.1f} %); "
        f"of the {len(found.visible)} that change a result: torch.allclose {scores['allclose'].killed}, "
        f"torch.testing.assert_close {scores['assert_close'].killed}; "
        f"half of the mutants were killed within {plural(median, 'case')}; {plural(found.cases, 'case')}, "
        f"{duration_text(found.seconds)}",
        "green" if found.is_clean else "red",
    )
    if found.cluster:
        prose(console, str(found.cluster))


def _by_kind(found: SelftestReport) -> Table:
    """How many mutants of each kind each judge killed."""
    kinds = Counter(mutant.kind for mutant in found.mutants)
    table = Table(box=box.SIMPLE_HEAD, title="mutants killed", title_justify="left")
    table.add_column("kind", overflow="fold")
    for column in ("mutants", *JUDGES):
        table.add_column(column, justify="right", no_wrap=True)
    for kind, count in kinds.items():
        of_kind: list[MutantScore] = [mutant for mutant in found.mutants if mutant.kind == kind]
        killed = [str(sum(mutant.kill(name) is not None for mutant in of_kind)) for name in JUDGES]
        table.add_row(kind, str(count), *killed)
    return table


def _alarms(found: SelftestReport) -> Table:
    """How often each judge called a right result wrong."""
    table = Table(box=box.SIMPLE_HEAD, title="false alarms on unmodified methods", title_justify="left")
    for column in ("comparison", "judge"):
        table.add_column(column, overflow="fold")
    for column in ("results", "alarms", "rate", "95 % limit"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in found.false_alarms:
        rate = each.alarms / each.results if each.results else 0.0
        limit = f"{100 * each.upper_limit:.3f} %"
        table.add_row(each.mode, each.judge, f"{each.results:,}", f"{each.alarms:,}", f"{100 * rate:.3f} %", limit)
    return table
