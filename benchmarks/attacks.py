"""Attacks on every command, as data: `python benchmarks/attacks.py` runs them all, and counts what did not survive.

    python benchmarks/attacks.py --part 1/6
    python benchmarks/attacks.py --group texts --processes 2
    python benchmarks/attacks.py --only "a trigger"
    python benchmarks/attacks.py --each 25

What is tried stands in benchmarks/attack_groups/, a file for each group. `--page docs/reliability.md` writes the counts
of the groups that were run into the table of that page.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
from attack_groups import GROUPS
from attack_groups.attack import Attack, outcome

Named = tuple[str, Attack]

BEGINS, ENDS = "<!-- attacks -->", "<!-- end of attacks -->"
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


def tell(named: Named) -> tuple[str, str]:
    """The group, and what went wrong; prints it."""
    group, attack = named
    started = time.monotonic()
    wrong = outcome(attack)
    if wrong:
        click.echo(f"FAILED {group}: {ascii(attack.name)[1:-1]}: {wrong} ({time.monotonic() - started:.0f} s)")
    return group, wrong


def written(page: Path, tried: Counter[str], failed: Counter[str]) -> None:
    """Writes the counts into the table of a page, a row for each group; groups that were not run now stay as they are.

    The table stands between two comments.
    """
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    text = page.read_text(encoding="utf-8")
    before, begins, rest = text.partition(BEGINS)
    old, ends, after = rest.partition(ENDS)
    rows = {line.split("`")[1]: line for line in old.splitlines() if line.startswith("| `")}
    for name in tried:
        what = (sys.modules[GROUPS[name].__module__].__doc__ or "").splitlines()[0]
        there = sum(1 for _ in GROUPS[name]())
        rows[name] = f"| `{name}` | {what} | {there} | {tried[name]} | {tried[name] - failed[name]} | {commit} |"
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
    started = time.monotonic()
    with ThreadPoolExecutor(processes) as pool:
        results = list(pool.map(tell, attacks))
    tried = Counter(group for group, _ in results)
    failed = Counter(group for group, wrong in results if wrong)
    for group, count in tried.items():
        click.echo(f"{group:14} {count - failed[group]:4} survived, {failed[group]:3} failed")
    seconds = time.monotonic() - started
    click.echo(
        f"{len(results)} attacks: {len(results) - failed.total()} survived, {failed.total()} failed; {seconds:.0f} s"
    )
    if page:
        written(page, tried, failed)
    sys.exit(int(bool(failed)))


if __name__ == "__main__":
    main()
