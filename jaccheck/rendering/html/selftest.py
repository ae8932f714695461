"""The page of `jaccheck selftest`."""

from __future__ import annotations

from collections import Counter

from jaccheck.core import duration_text, plural
from jaccheck.rendering.html.page import Head, cluster_facts, environment_facts, render
from jaccheck.rendering.html.tables import Cell, Marked, Row, Table, count, share
from jaccheck.reports import JUDGES, Kill, MutantScore, SelftestReport

NAMES = {"jaccheck": "jaccheck", "allclose": "torch.allclose", "assert_close": "torch.testing.assert_close"}


def selftest_page(report: SelftestReport) -> str:
    """The report as one HTML file."""
    return render(
        "selftest.html",
        _head(report),
        report=report,
        scores=_scores(report),
        kinds=_kinds(report),
        alarms=_alarms(report),
        mutants=_mutants(report),
    )


def _head(report: SelftestReport) -> Head:
    own = next(score for score in report.scores if score.judge == "jaccheck")
    alarms = "no false alarm" if not report.alarms else plural(len(report.alarms), "false alarm")
    return Head(
        command="selftest",
        tone="good" if report.is_clean else "bad",
        answer=f"jaccheck sees {own.killed:,} of {plural(own.mutants, 'mutant')}, with {alarms}",
        lead="Every mutant of the catalogue is a method that is wrong on purpose; a judge kills it by telling it from "
        "the method that it spoils. Beside jaccheck stand two tolerances of torch, on the same cases.",
        figures=(
            ("mutants", count(own.mutants)),
            ("killed", f"{own.killed} (at least {100 * own.lower_limit:.1f} %)"),
            ("false alarms", count(len(report.alarms))),
            ("cases", count(report.cases)),
            ("took", duration_text(report.seconds)),
        ),
        facts=(
            *(environment_facts(report.environment) if report.environment else ()),
            ("overflowing cases left out", count(report.overflowing)),
            ("confidence of limits", "95 %"),
            *cluster_facts(report.cluster),
        ),
    )


def _scores(report: SelftestReport) -> Table:
    rows = [
        Row(
            (
                NAMES[s.judge],
                count(s.killed),
                count(s.mutants),
                share(s.killed, s.mutants),
                f"{100 * s.lower_limit:.1f} %",
            )
        )
        for s in report.scores
    ]
    columns = ("judge ", "killed", "mutants", "score", "at least")
    return Table(id="scores", caption="Mutation score", columns=columns, rows=tuple(rows))


def _kinds(report: SelftestReport) -> Table:
    rows = []
    for kind, number in Counter(mutant.kind for mutant in report.mutants).items():
        of_kind = [mutant for mutant in report.mutants if mutant.kind == kind]
        killed = (count(sum(mutant.kill(judge) is not None for mutant in of_kind)) for judge in JUDGES)
        rows.append(Row((kind, count(number), *killed)))
    columns = ("kind ", "mutants", *(NAMES[judge] for judge in JUDGES))
    return Table(id="kinds", caption="Mutants killed, by kind", columns=columns, rows=tuple(rows))


def _alarms(report: SelftestReport) -> Table:
    rows = [
        Row(
            (
                f"{NAMES[each.judge]}, {each.mode}",
                count(each.results),
                count(each.alarms),
                f"{100 * each.alarms / each.results:.3f} %" if each.results else "–",
                f"{100 * each.upper_limit:.3f} %",
            )
        )
        for each in report.false_alarms
    ]
    columns = ("judge and comparison ", "results", "called wrong", "rate", "at most")
    return Table(id="alarms", caption="Right results that were called wrong", columns=columns, rows=tuple(rows))


def _mutants(report: SelftestReport) -> Table:
    columns = ("mutant ", "kind ", "spoils ", "what it does ", "changes a result", *(f"{NAMES[j]} " for j in JUDGES))
    rows = tuple(_mutant(mutant) for mutant in report.mutants)
    return Table(id="mutants", caption="Every mutant, and after how many cases it was seen", columns=columns, rows=rows)


def _mutant(mutant: MutantScore) -> Row:
    kills = (_kill(mutant.kill(judge)) for judge in JUDGES)
    differed = f"{mutant.differed:,} of {mutant.tried:,}"
    cells: tuple[Cell, ...] = (mutant.name, mutant.kind, mutant.base, mutant.summary, differed, *kills)
    return Row(cells, "" if mutant.jaccheck else "bad")


def _kill(kill: Kill | None) -> Marked:
    if kill is None:
        return Marked("not seen", "warn")
    return Marked(f"{kill.after:,} ({', '.join(kill.laws)})", "good")
