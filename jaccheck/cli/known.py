"""`jaccheck known`: the known issues of released versions, shown, run, or written up as a bug report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import click

from jaccheck import judging, methods, rendering
from jaccheck.cli.command import Argument, Option, command
from jaccheck.cli.progress import Progress
from jaccheck.core import chosen, plural, printable
from jaccheck.errors import BrokenEnvironment, InvalidRequest

SEVERITIES = ("silently wrong", "wrong, with a warning", "exception", "side effect")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Show the known issues of BackPACK, torch and other packages; all of them, or those of these IDs.

    A result that is wrong as a known issue says counts as KNOWN and is no finding. Outside of its condition, or in
    another way, it is one.
    """

    ids: Annotated[tuple[str, ...], Argument("[ID]...")] = ()
    severity: Annotated[
        tuple[str, ...],
        Option("--severity", type=click.Choice(SEVERITIES), help="Only this severity. Repeatable."),
    ] = ()
    run: Annotated[
        bool,
        Option(
            "--run",
            help="Run the scripts of those whose package is here; exit 1 where one no longer shows its issue.",
        ),
    ] = False
    bug_report: Annotated[
        bool, Option("--bug-report", help="Write each up in Markdown, ready to be filed upstream.")
    ] = False


@command("known", "Show the known issues of released versions.")
def run(request: Request) -> int:
    """Writes them up, runs them or shows them; 1 where one of those that are run no longer shows."""
    if request.bug_report and request.run:
        raise InvalidRequest("--run and --bug-report: choose one of them")
    issues = _chosen(request)
    if request.bug_report:
        return _write_up(issues)
    if request.run:
        return _run(issues)
    return _tell(issues) if request.ids else _list(issues)


Issues: TypeAlias = "tuple[judging.KnownIssue, ...]"


def _chosen(request: Request) -> Issues:
    of_models = (*judging.LAYER_ISSUES, *judging.OPERATION_ISSUES)
    every = (*of_models, *judging.SEQUENCE_ISSUES, *judging.PROCESS_ISSUES)
    issues: dict[str, judging.KnownIssue] = {issue.id: issue for issue in every}
    names = chosen("known issue", request.ids, tuple(issues)) if request.ids else tuple(issues)
    severities = request.severity or SEVERITIES
    found = tuple(issues[name] for name in dict.fromkeys(names) if issues[name].severity.value in severities)
    if not found:
        raise InvalidRequest(f"none of these known issues is {' or '.join(repr(each) for each in severities)}")
    return found


def _list(issues: Issues) -> int:
    """Prints a table; 0."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in ("id", "severity", "what", "shown by"):
        table.add_column(column, overflow="fold")
    for issue in issues:
        table.add_row(issue.id, issue.severity.value, issue.headline, _shown_by(issue))
    console = rendering.make_console()
    console.print(rendering.fitted(table, console, ("shown by", "severity")))
    return 0


def _tell(issues: Issues) -> int:
    """Prints everything about each with its script; 0. Raises BrokenEnvironment where one cannot show here."""
    for issue in issues:
        print(f"{issue.headline}\n")
        for label, text in (
            ("id", issue.id),
            ("severity", issue.severity.value),
            ("shown by", _shown_by(issue)),
            ("versions", f"{issue.package} {issue.versions}"),
            ("when", issue.condition),
            ("instead", issue.instead),
            ("reason", issue.reason),
            ("upstream", issue.reference),
        ):
            print(f"{label:<9} {text}")
        print(f"\n{issue.script}")
    _must_show_here(issues)
    return 0


def _run(issues: Issues) -> int:
    """Runs the scripts; 1 where one no longer shows its issue, which should then leave the list.

    Raises BrokenEnvironment where one could not be run whose package is here, or none could.
    """
    found: Counter[judging.Shown] = Counter()
    with Progress(rendering.make_console()) as progress:

        def hear(each: judging.Showing) -> None:
            found[each.shown] += 1
            progress.show(found.total(), len(issues), "known issues", now=each.issue.id)
            print(printable(f"{each.shown.value}: {each.issue.id}{f': {each.why}' if each.why else ''}"), flush=True)

        progress.show(0, len(issues), "known issues", now="importing torch")
        judging.show_issues(issues, hear)
    if found[judging.Shown.MENDED] or found[judging.Shown.CHANGED]:
        return 1
    if not_run := found[judging.Shown.NOT_RUN]:
        raise BrokenEnvironment(f"{plural(not_run, 'script')} could not be run, so nobody knows")
    if not found[judging.Shown.STILL_THERE]:
        raise BrokenEnvironment("no script was run, so nobody knows")
    return 0


def _write_up(issues: Issues) -> int:
    """Prints a report of each, in Markdown, as it can be filed upstream; 0. Raises BrokenEnvironment."""
    _must_show_here(issues)
    showings = {each.issue.id: each for each in judging.show_issues(issues)}
    if silent := [each for each in showings.values() if each.shown is not judging.Shown.STILL_THERE]:
        shown = "; ".join(
            f"{each.issue.id} does not show here, so there is nothing to report: {each.why}" for each in silent
        )
        raise BrokenEnvironment(shown)
    environment = methods.describe_environment({"cpu": ""})
    for issue in issues:
        print(f"# {issue.headline}\n")
        print(
            f"Severity: {issue.severity.value}. {issue.condition[:1].upper()}{issue.condition[1:]}: {issue.instead}.\n"
        )
        print(f"```python\n{issue.script.strip()}\n```\n\nIt prints\n\n```\n{showings[issue.id].said.strip()}\n```\n")
        print(f"Where it comes from: {issue.reason}.\n")
        if inherited := _inherited(issue):
            print(f"Packages that call this have it too: {inherited}.\n")
        print(f"Upstream: {issue.reference}; to be filed at {judging.tracker_of(issue)}\n")
        print(f"torch {environment.torch}, BackPACK {environment.backpack}, Python {environment.python}\n")
    return 0


def _must_show_here(issues: Issues) -> None:
    if absent := [f"{issue.id} cannot be shown here: {issue.absence}" for issue in issues if issue.absence]:
        raise BrokenEnvironment("; ".join(absent))


def _shown_by(issue: judging.KnownIssue) -> str:
    text = ", ".join(issue.methods)
    if isinstance(issue, judging.CaseIssue):
        text += ", and others" if issue.shows_in_others else ""
        text += f"; through {inherited}" if (inherited := _inherited(issue)) else ""
    return text


def _inherited(issue: judging.KnownIssue) -> str:
    """`laplace-torch (laplace_backpack)`: who has it from the package whose fault it is."""
    names = issue.inherited_by if isinstance(issue, judging.CaseIssue) else ()
    return ", ".join(f"{methods.find_method(name).package} ({name})" for name in names)
