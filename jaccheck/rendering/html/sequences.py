"""The page of `jaccheck sequences`."""

from __future__ import annotations

from jaccheck.core import duration_text, plural
from jaccheck.rendering.html.page import Head, cluster_facts, environment_facts, render
from jaccheck.rendering.html.tables import Row, Table, count, listed
from jaccheck.reports import SequenceReport


def sequences_page(report: SequenceReport) -> str:
    """The report as one HTML file."""
    met = (each for each in report.known if each.met)
    known = Table(
        id="known",
        caption="Known issues whose condition was met",
        columns=("id ", "met", "wrong"),
        rows=tuple(Row((each.id, count(each.met), count(each.wrong))) for each in met),
    )
    refused = Table(
        id="refused",
        caption="Loud refusals, by what was raised",
        columns=("refusal ", "times"),
        rows=tuple(Row((reason, count(times))) for reason, times in report.refused.items()),
    )
    return render("sequences.html", _head(report), report=report, known=known, refused=refused)


def _head(report: SequenceReport) -> Head:
    sequences = plural(report.examples, "sequence")
    said = f"No finding in {sequences}"
    if report.findings:
        kinds = dict.fromkeys(finding.kind for finding in report.findings)
        said = f"{plural(len(report.findings), 'finding')} in {sequences}: {listed(kinds)}"
    elif report.mended:
        said = f"No finding in {sequences}, but known issues no longer show: {listed(report.mended)}"
    return Head(
        command="sequences",
        tone="bad" if report.found_something else "warn" if report.interrupted else "good",
        answer=("Interrupted: " if report.interrupted else "") + said,
        lead="Random sequences of calls on live models: numbers exact, nothing left over, every model freed.",
        figures=(
            ("findings", count(len(report.findings))),
            ("sequences", count(report.examples)),
            ("of them directed", count(report.directed)),
            ("steps", count(report.steps)),
            ("backward passes", count(report.passes)),
            ("comparisons", count(report.compared)),
            ("undecided", count(report.undecided)),
        ),
        facts=(
            *environment_facts(report.environment),
            *cluster_facts(report.cluster),
            ("profile", report.settings.profile),
            ("seed", str(report.settings.seed)),
            ("took", duration_text(report.seconds)),
        ),
    )
