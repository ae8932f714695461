"""Attacks on every command, as data: `python benchmarks/attacks.py` runs them all, and counts what did not survive.

    python benchmarks/attacks.py --part 1/6
    python benchmarks/attacks.py --group texts --processes 2
    python benchmarks/attacks.py --only "a trigger"
    python benchmarks/attacks.py --each 25

What is tried stands in benchmarks/attack_groups/, a file for each group. `--page docs/reliability.md` writes the counts
of each group into the table of that page as soon as it is done, beside the commit on which the run began.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import click
from attack_groups import GROUPS
from attack_groups.attack import Attack, outcome

Named = tuple[str, Attack]

BEGINS, ENDS = "<!-- attacks -->", "<!-- end of attacks -->"
PROGRESS_SECONDS = 60.0
"""Between two lines that say how far a run is."""

HEAD = "| group | what is tried | attacks | tried | survived | commit |"


def chosen(groups: tuple[str, ...], part: str, only: str, most: int | None = None) -> list[Named]:
    """The attacks that are asked for, with their groups; a part has every so many-th, so that parts are alike.

    With `most`, of each group as many at most, in equal steps from its first one on. Raises BadParameter.
    """
    number, of = map(int, part.split("/"))
    if not 1 <= number <= of:
        raise click.BadParameter(f"part {part!r}: expected NUMBER/OF, counted from 1")
    every: list[Named] = []
    for name in groups or GROUPS:
        attacks = list(GROUPS[name]())
        count = min(most or len(attacks), len(attacks))
        every += [(name, attacks[place * len(attacks) // count]) for place in range(count)]
    return [each for each in every[number - 1 :: of] if only in each[1].name]


def tell(named: Named) -> str:
    """What went wrong; prints it."""
    group, attack = named
    started = time.monotonic()
    wrong = outcome(attack)
    if wrong:
        click.echo(f"FAILED {group}: {ascii(attack.name)[1:-1]}: {wrong} ({time.monotonic() - started:.0f} s)")
    return wrong


def counted(group: str, of: int, results: Iterable[str]) -> int:
    """How many of the attacks of a group failed; prints how many are done, a line a minute, and what came of them."""
    started = told = time.monotonic()
    failed = 0
    for done, wrong in enumerate(results, 1):
        failed += bool(wrong)
        if (now := time.monotonic()) - told > PROGRESS_SECONDS:
            told = now
            click.echo(f"{group}: {done} of {of} done, {failed} failed; {now - started:.0f} s")
    click.echo(f"{group:14} {of - failed:4} survived, {failed:3} failed; {time.monotonic() - started:.0f} s")
    return failed


def head() -> str:
    """The commit that is checked out, with `-dirty` where files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def written(page: Path, name: str, tried: int, failed: int, commit: str) -> None:
    """Writes the counts of a group into the table of a page, which stands between two comments; other rows stay."""
    text = page.read_text(encoding="utf-8")
    before, begins, rest = text.partition(BEGINS)
    old, ends, after = rest.partition(ENDS)
    rows = {line.split("`")[1]: line for line in old.splitlines() if line.startswith("| `")}
    what = (sys.modules[GROUPS[name].__module__].__doc__ or "").splitlines()[0]
    there = sum(1 for _ in GROUPS[name]())
    rows[name] = f"| `{name}` | {what} | {there} | {tried} | {tried - failed} | {commit} |"
    table = [HEAD, "|---|---|---|---|---|---|", *(rows[name] for name in GROUPS if name in rows)]
    page.write_text("\n".join([f"{before}{begins}", "", *table, "", f"{ends}{after}"]), encoding="utf-8")


@click.command()
@click.option("--group", "groups", multiple=True, type=click.Choice(tuple(GROUPS)), help="Only this group. Repeatable.")
@click.option("--part", default="1/1", show_default=True, help="Every so many-th attack only, as in 2/6.")
@click.option("--each", "most", type=click.IntRange(1), help="So many of each group at most, in equal steps.")
@click.option("--only", default="", help="Only attacks with this in their names.")
@click.option("--processes", default=2, show_default=True, help="How many at the same time.")
@click.option("--page", type=click.Path(path_type=Path), help="Write the counts into the table of this page.")
@click.option("--list", "is_list", is_flag=True, help="Only print their names.")
def main(
    groups: tuple[str, ...], part: str, most: int | None, only: str, processes: int, page: Path | None, is_list: bool
) -> None:
    """Prints each attack that failed, and how many survived; the exit code is 1 where one failed."""
    attacks = chosen(groups, part, only, most)
    if is_list:
        for group, attack in attacks:
            click.echo(f"{group}: {ascii(attack.name)[1:-1]}")
        return
    started, commit, failed = time.monotonic(), head(), Counter[str]()
    with ThreadPoolExecutor(processes) as pool:
        for group, chosen_ones in groupby(attacks, itemgetter(0)):
            of_group = list(chosen_ones)
            failed[group] = counted(group, len(of_group), pool.map(tell, of_group))
            if page:
                written(page, group, len(of_group), failed[group], commit)
    seconds, bad = time.monotonic() - started, failed.total()
    click.echo(f"{len(attacks)} attacks: {len(attacks) - bad} survived, {bad} failed; {seconds:.0f} s")
    sys.exit(int(bool(bad)))


if __name__ == "__main__":
    main()
