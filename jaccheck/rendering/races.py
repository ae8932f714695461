"""Races in words: who won, how sure that is, and what was dropped, in a line each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor

from jaccheck.core import plural, seconds_text
from jaccheck.reports import BenchCell, MethodTiming, Outcome, Race, RacePlace, Standing

STANDINGS: dict[Standing, str] = {
    "fastest": "fastest",
    "level": "as fast",
    "open": "not decided",
    "slower": "slower",
}

MOST_NAMES = 4
"""In a sentence."""

FEW = 2
"""So many methods of one outcome are told with their reasons on the terminal; more by name only."""


def result_line(race: Race) -> str:
    """Which method won, or between which it is not decided, and after how many rounds."""
    where = f"in {race.regime} memory"
    after = f"after {plural(race.rounds, 'round')}"
    if not race.places:
        return f"nothing was timed {where}" + _untimed(race)
    first, *others = race.leaders
    if not race.is_decided:
        between = f"; it may be {leaders_text(race)}" if others else f"; {first} leads"
        return f"which is the fastest {where} is not decided {after}{between}{_untimed(race)}"
    sure = f"at {100 * race.confidence:.0f} %, {after}"
    if others:
        return f"{_listed(race.leaders, 'and')} are equally fast {where}, within {100 * race.margin:.0f} %, {sure}"
    return f"fastest {where}: {first}, {sure}"


def leaders_text(race: Race) -> str:
    """Those that may be the fastest, the first by name."""
    more = len(race.leaders) - MOST_NAMES
    shown = race.leaders[:MOST_NAMES] if more > 0 else race.leaders
    return _listed([*shown, *([f"one of {more} more"] if more > 0 else [])], "or")


def _untimed(race: Race) -> str:
    if len(race.untimed) > MOST_NAMES:
        return f"; no time was left for {len(race.untimed)} methods"
    return f"; no time was left for {_listed(race.untimed, 'and')}" if race.untimed else ""


def standing_text(race: Race, place: RacePlace) -> str:
    """Beside the fastest, in a word or two; the first is not called the fastest where that is not decided."""
    is_open = place.standing == "fastest" and not race.is_decided
    return STANDINGS["open" if is_open else place.standing]


def left_line(cell: BenchCell, race: Race) -> str:
    """What left the race and has no row, in one line; empty where there is nothing."""
    lines = [_left(cell, race)]
    if race.dropped:
        least = bound_text(min(race.dropped.values()))
        were = "was" if len(race.dropped) == 1 else "were"
        lines.append(f"{plural(len(race.dropped), 'method')} at least {least} × slower {were} dropped after two calls")
    return "; ".join(filter(None, lines))


def _left(cell: BenchCell, race: Race) -> str:
    """What left after some rounds."""
    rows = {place.method for place in cell.rows(race)}
    left = [place for place in race.places if place.method not in rows and not place.can_be_fastest]
    if not left:
        return ""
    rounds = sorted({place.rounds for place in left})
    when = plural(rounds[0], "round") if len(rounds) == 1 else f"{rounds[0]} to {rounds[-1]} rounds"
    least = max(1.0, min(place.low for place in left))
    slower = f"at least {bound_text(least)} × slower" if least >= 1.05 else "slower"
    return f"{plural(len(left), 'method')}, {slower}, left after {when}"


def dropped_line(cell: BenchCell) -> str:
    """What was so slow in its first calls that it took part in no race, in one line; empty where there is nothing."""
    timed = {place.method for race in cell.races for place in race.places}
    dropped = [m for m in cell.dropped() if m.method not in timed]
    if not dropped:
        return ""
    least = bound_text(min(m.times_slower or 1.0 for m in dropped))
    counts = {m.first_calls for m in dropped}
    calls = "one or two calls" if len(counts) > 1 else "one call" if counts == {1} else "two calls"
    are = "was" if len(dropped) == 1 else "were"
    return f"{plural(len(dropped), 'method')} at least {least} × slower {are} dropped after {calls}"


def compiled_line(cell: BenchCell) -> str:
    """What a first call took where it compiled, in one line; empty where none did."""
    told = [f"{m.method} {seconds_text(m.compile_s)}" for m in cell.methods if m.compile_s]
    return f"compiled in the first call, which is in no other time: {', '.join(told)}" if told else ""


def unranked_lines(cell: BenchCell) -> Iterable[str]:
    """Why other methods were in no race: by name and reason where they are few, else by name only."""
    known = {place.method for race in cell.races for place in race.places}
    known |= {name for race in cell.races for name in (*race.dropped, *race.untimed)}
    told = [m for m in cell.methods if m.method not in known and m.times_slower is None]
    for outcome in Outcome:
        found = [m for m in told if m.outcome is outcome and not outcome.is_wrong]
        if len(found) > FEW and outcome is not Outcome.CRASHED:
            yield f"{outcome}: {', '.join(m.method for m in found)}"
        else:
            yield from (f"{m.method}: {m.outcome}: {m.message}" for m in found)


def wrong_lines(methods: Sequence[MethodTiming]) -> Iterable[str]:
    """The methods that returned something wrong."""
    return (f"{m.method}: {m.outcome}, not ranked: {m.message}" for m in methods if m.outcome.is_wrong)


def bound_text(ratio: float) -> str:
    """A lower bound, rounded down."""
    return f"{floor(ratio):,}" if ratio >= 10 else f"{floor(ratio * 10) / 10:.1f}".removesuffix(".0")


def _listed(names: Sequence[str], word: str) -> str:
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last
