"""The report of the self-test as text: what each judge killed, its false alarms, and one line that says it all."""

from __future__ import annotations

from collections import Counter

from rich import box
from rich.console import Console
from rich.table import Table

from jaccheck.core import plural
from jaccheck.reports import JUDGES, FaultScore, SelftestReport


def print_selftest(found: SelftestReport, console: Console) -> None:
    """Prints it."""
    console.print(_by_kind(found))
    console.print(_alarms(found))
    for fault in found.survivors:
        console.print(f"SURVIVED: {fault.name} ({fault.kind}): {fault.summary}", style="red", soft_wrap=True)
    for alarm in found.alarms:
        console.print(f"FALSE ALARM: {alarm.method}: {alarm.message}\n{alarm.case}", style="red", soft_wrap=True)
    scores = {each.judge: each for each in found.scores}
    own = scores["jaccheck"]
    median = (
        sorted(fault.jaccheck.after for fault in found.faults if fault.jaccheck)[own.killed // 2] if own.killed else 0
    )
    console.print(
        f"mutation score {own.killed} of {own.faults} (95 % confidence: at least {100 * own.lower_limit:.1f} %); "
        f"of the {len(found.visible)} that change a result: torch.allclose {scores['allclose'].killed}, "
        f"torch.testing.assert_close {scores['assert_close'].killed}; "
        f"half of the faults were seen within {plural(median, 'case')}; {found.cases} cases, {found.seconds:.0f} s",
        highlight=False,
        soft_wrap=True,
        style="green" if found.is_clean else "red",
    )


def _by_kind(found: SelftestReport) -> Table:
    """How many faults of each kind each judge killed."""
    kinds = Counter(fault.kind for fault in found.faults)
    table = Table(box=box.SIMPLE_HEAD, title="faults killed", title_justify="left")
    for column, justify in (("kind", "left"), ("faults", "right"), *((name, "right") for name in JUDGES)):
        table.add_column(column, justify="left" if justify == "left" else "right")
    for kind, count in kinds.items():
        of_kind: list[FaultScore] = [fault for fault in found.faults if fault.kind == kind]
        killed = [str(sum(fault.kill(name) is not None for fault in of_kind)) for name in JUDGES]
        table.add_row(kind, str(count), *killed)
    return table


def _alarms(found: SelftestReport) -> Table:
    """How often each judge called a right result wrong."""
    table = Table(box=box.SIMPLE_HEAD, title="false alarms on unmodified methods", title_justify="left")
    for column in ("comparison", "judge"):
        table.add_column(column)
    for column in ("results", "alarms", "rate", "95 % limit"):
        table.add_column(column, justify="right")
    for each in found.false_alarms:
        rate = each.alarms / each.results if each.results else 0.0
        limit = f"{100 * each.upper_limit:.3f} %"
        table.add_row(each.mode, each.judge, f"{each.results:,}", f"{each.alarms:,}", f"{100 * rate:.3f} %", limit)
    return table
