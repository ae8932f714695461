"""Parts of a run, judged by machines that know nothing of each other, are together what the whole run is."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from jaccheck_support.testing import Run

from jaccheck.case import PROFILES
from jaccheck.errors import InvalidRequest
from jaccheck.reports import Finding, Part, Report, Settings, Spent, load, merge
from jaccheck.runs import ShardResult, Tally, in_this_process, part_of, run_shards, shards
from jaccheck.selftest import choose_with_mutants

pytestmark = pytest.mark.slow

METHODS = ("autograd_batched", "mutant:sample_roll")
PARTS = 3


class Deaf:
    """Listens to nothing."""

    def on_result(self, result: ShardResult, tally: Tally) -> None:
        """Nothing."""

    def on_finding(self, finding: Finding) -> None:
        """Nothing."""

    def on_given_up(self, method: str) -> None:
        """Nothing."""


def report_on(part: Part | None) -> Report:
    """What a machine reports on one part of a small run with a fault in it."""
    profile = replace(PROFILES["quick"], shrink_seconds=0.2)
    settings = Settings(
        profile="quick",
        seed=5,
        max_examples=60,
        time=None,
        methods=METHODS,
        devices=("cpu",),
        dtypes=("float32", "float64"),
        families=("generic", "no_bias", "kinks"),
        part=part,
    )
    methods = choose_with_mutants(METHODS)
    return run_shards(
        settings,
        profile,
        methods,
        {"cpu": ""},
        shards=part_of(shards(profile, settings), part, settings.devices),
        judges=in_this_process(methods, profile),
        listener=Deaf(),
    )


@pytest.fixture(scope="module")
def whole() -> Report:
    """The run in one piece."""
    return report_on(None)


@pytest.fixture(scope="module")
def parts() -> list[Report]:
    """The run in three."""
    return [report_on(Part(number=number, of=PARTS)) for number in range(1, PARTS + 1)]


def counts(report: Report) -> tuple[object, ...]:
    """All that is counted, but for seconds and the order of cells."""
    totals = replace(report.totals, seconds=Spent())
    return totals, set(map(repr, report.coverage)), set(map(repr, report.tightness))


def test_the_parts_are_the_whole(whole: Report, parts: Sequence[Report]) -> None:
    """Every case is in one part, and all counts add up; what fails in the whole fails in the parts."""
    merged = merge(parts)
    assert all(part.totals.cases for part in parts)
    assert counts(merged) == counts(whole)
    assert merged.settings == whole.settings
    assert not merged.interrupted
    assert merged.findings
    assert {(f.method, f.law, f.outcome) for f in merged.findings} == {
        (f.method, f.law, f.outcome) for f in whole.findings
    }


def test_the_order_does_not_matter(parts: Sequence[Report]) -> None:
    """Artifacts of CI jobs come in any order."""
    for seed in range(4):
        assert merge(random.Random(seed).sample(list(parts), PARTS)) == merge(parts)


def test_a_finding_of_two_parts_is_one(parts: Sequence[Report]) -> None:
    """It was seen as often as in both together."""
    finding = next(part.findings[0] for part in parts if part.findings)
    both = [replace(part, findings=(finding,)) for part in parts[:2]] + [replace(parts[2], findings=())]
    assert merge(both).findings == (replace(finding, seen=2 * finding.seen),)
    confirmed = replace(finding, confirmed=True)
    both[0] = replace(both[0], findings=(confirmed,))
    assert merge(both).findings == (replace(confirmed, seen=2 * finding.seen),)


def test_a_missing_part_is_an_interruption(parts: Sequence[Report]) -> None:
    """Nobody should take it for the whole."""
    assert merge(parts[:2]).interrupted
    assert merge([*parts[:2], replace(parts[2], interrupted=True)]).interrupted


def test_what_does_not_belong_together_is_refused(whole: Report, parts: Sequence[Report]) -> None:
    """In one line that says what differs."""
    first, second, _ = parts

    def refuses(other: Report, complaint: str) -> None:
        with pytest.raises(InvalidRequest, match=complaint):
            merge([first, other])

    refuses(first, "part 1/3 is there twice")
    refuses(whole, "number of parts is 1 in one and 3|number of parts is 3 in one and 1")
    refuses(replace(second, settings=replace(second.settings, seed=6)), "seed is 5 in one and 6 in another")
    refuses(replace(second, settings=replace(second.settings, methods=("hooks",))), "methods is")
    refuses(
        replace(second, settings=replace(second.settings, part=Part(number=2, of=4))), "number of parts is 3 in one"
    )
    refuses(replace(second, environment=replace(second.environment, torch="2.2.0")), "versions: torch is")
    with pytest.raises(InvalidRequest, match="a report of a whole run among 2"):
        merge([whole, whole])


def test_parts_at_the_command_line(jaccheck: Run, tmp_path: Path) -> None:
    """`verify --shard`, then `report`: exit code, findings and files are those of one run."""
    few = ("--family", "generic", "--dtype", "float64", "--max-examples", 12, "--seed", 3)
    for number in (1, 2):
        done = jaccheck("verify", *few, "--method", "hooks", "--shard", f"{number}/2", "--report", f"{number}.json")
        assert done.returncode == 0, done.stderr
    done = jaccheck("report", "2.json", "1.json", "--report", "all.json", "--report", "all.html")
    assert done.returncode == 0, done.stderr
    assert "no finding: 12 cases" in done.stdout
    assert load(Report, tmp_path / "all.json").totals.cases == 12
    assert (tmp_path / "all.html").exists()
    done = jaccheck("report", "1.json", "1.json")
    assert done.returncode == 2
    assert done.stderr == "jaccheck: part 1/2 is there twice\n"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--shard", "3/2", "--seed", "1"), "expected NUMBER/OF"),
        (("--shard", "1/2"), "give --seed too"),
        (("--scheduler", "tcp://127.0.0.1:9"), "no scheduler answers at 'tcp://127.0.0.1:9'"),
    ],
)
def test_misuse(jaccheck: Run, options: tuple[str, ...], complaint: str) -> None:
    """One line, before anything runs."""
    done = jaccheck("verify", *options)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
