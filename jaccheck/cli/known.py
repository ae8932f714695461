"""`jaccheck known`."""

from __future__ import annotations

import click

from jaccheck.cli.group import cli


@cli.command(short_help="Show the known issues of released versions.")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--run", "is_run", is_flag=True, help="Run them: 1 if one no longer shows, and the list is out of date.")
@click.option("--bug-report", is_flag=True, help="Write each up in Markdown, ready to be filed upstream.")
def known(ids: tuple[str, ...], is_run: bool, bug_report: bool) -> int:
    """Show the known issues of BackPACK and torch, which are expected failures; all of them, or those of these IDs.

    A result that is wrong in a listed way counts as KNOWN and is no finding. Outside the listed condition, or in
    another way, it is one.
    """
    from jaccheck.cli import run_known as command

    if bug_report:
        return command.bug_report(ids)
    return command.run(ids) if is_run else command.show(ids)
