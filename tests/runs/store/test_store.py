"""What a store holds of a run is what the run did; nothing is counted twice, lost, or written where it must not be."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from jaccheck_support.testing import Run

from jaccheck.case import PROFILES
from jaccheck.errors import IncompatibleFile, InvalidRequest, UnreadableFile
from jaccheck.methods import describe_environment
from jaccheck.reports import Finding, Report, Settings, Spent, load
from jaccheck.runs import (
    FINISHED,
    UNFINISHED,
    Recording,
    Shard,
    ShardResult,
    Store,
    Tally,
    in_this_process,
    run_shards,
    shards,
)
from jaccheck.runs.judging import judge_shard
from jaccheck.runs.results import Candidates
from jaccheck.runs.store.schema import VERSION
from jaccheck.runs.store.store import INTERRUPTED
from jaccheck.selftest import choose_with_mutants

pytestmark = pytest.mark.slow

QUICK = replace(PROFILES["quick"], shrink_seconds=1.0)
NAMES = ("outer_products", "mutant:class_swap")
SETTINGS = Settings(
    profile="quick",
    seed=3,
    max_examples=None,
    time=None,
    methods=NAMES,
    devices=("cpu",),
    dtypes=("float64", "float16"),
    families=("generic", "kinks"),
)


class Silent:
    """A listener that counts results."""

    results = 0

    def on_result(self, result: ShardResult, tally: Tally) -> None:
        """Counts."""
        self.results += 1

    def on_finding(self, finding: Finding) -> None:
        """Nothing."""

    def on_given_up(self, method: str) -> None:
        """Nothing."""


def run(store: Store, number: int | None = None, *, most: int | None = None) -> tuple[Report, int]:
    """A new run, or one that goes on, of so many shards at most; its report, and how many shards were judged."""
    methods, listener = choose_with_mutants(NAMES), Silent()
    stored = store.run(number) if number else store.begin(NAMES, SETTINGS, describe_environment({"cpu": ""}), ())
    record = Recording(store, stored)
    some: Iterator[Shard] = islice(record.left(shards(QUICK, SETTINGS)), most)
    judges = in_this_process(methods, QUICK)
    report = run_shards(
        SETTINGS, QUICK, methods, {"cpu": ""}, shards=some, judges=judges, listener=listener, record=record
    )
    return report, listener.results


def comparable(report: Report) -> Report:
    """Without times, in one order; findings by what was counted, since how far a case shrinks depends on time."""
    return replace(
        report,
        totals=replace(report.totals, seconds=Spent()),
        coverage=tuple(sorted(report.coverage, key=repr)),
        tightness=tuple(sorted(report.tightness, key=repr)),
        findings=tuple(sorted((replace(f, case=f.case) for f in report.findings), key=repr)),
    )


def counted(report: Report) -> object:
    """Everything but findings, and which faults these show how often."""
    seen = {(f.method, f.law, f.outcome, f.seen) for f in report.findings}
    return replace(comparable(report), findings=()), seen


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """A store with one whole run, and the report that it gave."""
    path = tmp_path_factory.mktemp("store") / "runs.db"
    with Store(path) as store:
        return path, run(store)[0]


def test_what_is_stored_is_the_report(undisturbed: tuple[Path, Report]) -> None:
    """Read again, a run gives the report that it gave when it ended."""
    path, report = undisturbed
    assert report.findings
    with Store(path) as store:
        (stored,) = store.runs()
        assert stored.state == FINISHED
        assert comparable(Recording(store, stored).report()) == comparable(report)
        with pytest.raises(InvalidRequest, match=r"no run in .* is unfinished"):
            store.last_unfinished()


def test_a_run_in_pieces_is_the_run(undisturbed: tuple[Path, Report], tmp_path: Path) -> None:
    """Cut short and gone on with again and again, it judges each shard once, and counts what one run counts."""
    total = len(list(shards(QUICK, SETTINGS)))
    with Store(tmp_path / "runs.db") as store:
        judged = 0
        for _ in range(3):
            report, more = run(store, 1 if judged else None, most=3)
            judged += more
        assert judged == total
        assert counted(report) == counted(undisturbed[1])
        ((first, last),) = store.rows("SELECT first, last FROM done")
        assert (first, last) == (0, total - 1)


def test_a_fault_seen_and_not_yet_shrunk_is_found(tmp_path: Path) -> None:
    """Killed between the shard that shows a fault and the finding, the run makes the finding when it goes on."""
    with Store(tmp_path / "runs.db") as store:
        stored = store.begin(NAMES, SETTINGS, describe_environment({"cpu": ""}), ())
        result = judge_shard(next(shards(QUICK, SETTINGS)), choose_with_mutants(NAMES), QUICK)
        tally = Tally()
        assert tally.merge(result.sums)
        Recording(store, stored).keep_result(result, tally.candidates.values())
        report, _ = run(store, stored.id, most=0)
        assert {finding.method for finding in report.findings} == {"mutant:class_swap"}
        assert Recording(store, store.run(stored.id)).findings()


def test_two_runs_at_once_do_not_harm_each_other(tmp_path: Path) -> None:
    """Each counts what it alone would have counted, and a store that both make is made once."""
    methods = choose_with_mutants(("outer_products",))
    results = [judge_shard(shard, methods, QUICK) for shard in islice(shards(QUICK, SETTINGS), 2)]
    expected = sum(result.sums.totals.cases for result in results)

    def write(times: int) -> None:
        with Store(tmp_path / "runs.db") as store:
            record = Recording(store, store.begin((), SETTINGS, describe_environment({}), ()))
            for number in range(times):
                for result in results:
                    shard = replace(result.shard, number=2 * number + result.shard.number)
                    record.keep_result(replace(result, shard=shard), ())

    threads = [threading.Thread(target=write, args=(20,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store(tmp_path / "runs.db") as store:
        assert [Recording(store, run).sums().totals.cases for run in store.runs()] == [20 * expected] * 2


def test_one_run_goes_on_in_one_process(tmp_path: Path) -> None:
    """Whoever wants to go on with a run that is going on is told."""
    with Store(tmp_path / "runs.db") as store:
        stored = store.begin((), SETTINGS, describe_environment({}), ())
        with store.alone(stored):
            assert store.is_going_on(stored)
            with pytest.raises(InvalidRequest, match="run 1 is going on in another process"), store.alone(stored):
                pass
            with pytest.raises(InvalidRequest, match="no run"):
                store.last_unfinished()
        assert store.last_unfinished() == stored


def test_a_store_does_not_grow_with_the_cases(tmp_path: Path) -> None:
    """Two thousand shards take no more room than a hundred."""
    result = judge_shard(next(shards(QUICK, SETTINGS)), choose_with_mutants(("outer_products",)), QUICK)
    sizes = []
    with Store(tmp_path / "runs.db") as store:
        record = Recording(store, store.begin((), SETTINGS, describe_environment({}), ()))
        for number in range(2000):
            record.keep_result(replace(result, shard=replace(result.shard, number=number)), ())
            if number in (100, 1999):
                sizes.append(store.rows("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")[0][0])
    assert sizes[0] == sizes[1]


def not_a_database(path: Path) -> None:
    path.write_bytes(b"The quick brown fox jumps over the lazy dog. " * 100)


def of_another_program(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mail (id INTEGER)")
    connection.close()


def of_a_later_version(path: Path) -> None:
    Store(path).__exit__(None, None, None)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()


def cut_in_half(path: Path) -> None:
    Store(path).__exit__(None, None, None)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("spoil", [not_a_database, of_another_program, of_a_later_version, cut_in_half])
def test_what_is_no_store_is_refused_and_left_alone(spoil: object, jaccheck: Run, tmp_path: Path) -> None:
    """One line, exit code 2, and not one byte is changed."""
    path = tmp_path / "runs.db"
    spoil(path)  # type: ignore[operator]
    before = path.read_bytes()
    done = jaccheck("history", "--store", path)
    assert done.returncode == 2
    assert done.stderr.startswith("jaccheck: store ")
    assert len(done.stderr.splitlines()) == 1
    with pytest.raises((UnreadableFile, IncompatibleFile)), Store(path) as store:
        store.begin((), SETTINGS, describe_environment({}), ())
    assert path.read_bytes() == before


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    """What was stored before stays; what did not fit is not there in part."""
    result = judge_shard(next(shards(QUICK, SETTINGS)), choose_with_mutants(("outer_products",)), QUICK)
    candidates: list[Candidates] = []
    with Store(tmp_path / "runs.db") as store:
        record = Recording(store, store.begin((), SETTINGS, describe_environment({}), ()))
        record.keep_result(result, candidates)
        ((pages,),) = store.rows("PRAGMA page_count")
        store.rows(f"PRAGMA max_page_count = {pages}")
        big = Finding.__name__ * 100_000
        with pytest.raises(UnreadableFile, match="disk is full; free some space, then go on"), store.transaction() as c:
            c.execute("INSERT INTO given_up VALUES (1, ?)", (big,))
        assert record.given_up() == []
        assert record.sums().totals.cases == result.sums.totals.cases


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Here a file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UnreadableFile, match=r"choose another with --store"):
        Store(tmp_path / "file" / "runs.db")


def test_resuming_takes_no_other_options(jaccheck: Run) -> None:
    """A run goes on as it was begun."""
    done = jaccheck("verify", "--resume", "--seed", 3)
    assert (done.returncode, done.stderr) == (
        2,
        "jaccheck: --resume goes on with a run as it was begun; leave out --seed\n",
    )


def test_there_must_be_something_to_resume(jaccheck: Run, tmp_path: Path) -> None:
    """Where nothing is stored, nothing is made."""
    done = jaccheck("verify", "--resume")
    assert done.returncode == 2
    assert "there is no store '.jaccheck/runs.db' here" in done.stderr
    assert not (tmp_path / ".jaccheck").exists()


def test_history_lists_runs_and_shows_one(undisturbed: tuple[Path, Report], jaccheck: Run, tmp_path: Path) -> None:
    """A line for each; with a number the report of that run, which can be written, too."""
    path, report = undisturbed
    listed = jaccheck("history", "--store", path)
    assert listed.returncode == 0
    assert "finished" in listed.stdout
    shown = jaccheck("history", 1, "--store", path, "--report", "again.json")
    assert shown.returncode == 1
    assert "mutant:class_swap" in shown.stdout
    assert comparable(load(Report, tmp_path / "again.json")) == comparable(report)
    rendered = jaccheck("report", 1, "--store", path)
    assert rendered.returncode == 1
    assert rendered.stdout.endswith(shown.stdout)
    assert "run 2 is not in" in jaccheck("history", 2, "--store", path).stderr


def test_killed_and_resumed_it_finds_what_it_would_have_found(tmp_path: Path) -> None:
    """SIGKILL at some moments, then to the end: the report is that of a run that nobody disturbed."""
    options = ["--method", "outer_products", "--method", "mutant:class_swap", "--quiet", "--workers", "1"]
    few = [*options, "--family", "generic", "--family", "kinks", "--seed", "5", "--max-examples", "60"]
    whole = verify_to_the_end(tmp_path, [*few, "--no-store"], kills=0)
    killed = verify_to_the_end(tmp_path, few, kills=2)
    assert whole.findings
    assert counted(killed) == counted(whole)


def verify_to_the_end(folder: Path, options: list[str], *, kills: int) -> Report:
    """The report of a run that is killed so often, each time a moment after it has stored something."""
    command = [sys.executable, "-m", "jaccheck", "verify", "--report", "out.json"]
    for kill in range(kills):
        begun = options if kill == 0 else [*options[:4], "--quiet", "--resume"]
        with subprocess.Popen([*command, *begun], cwd=folder, stdout=subprocess.DEVNULL, start_new_session=True) as p:
            wait_for_shards(folder / ".jaccheck" / "runs.db", 2 * kill + 1)
            time.sleep(0.05 * kill)
            os.killpg(p.pid, signal.SIGKILL)
    last = [*options[:4], "--quiet", "--resume"] if kills else options
    done = subprocess.run([*command, *last], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    return load(Report, folder / "out.json")


def wait_for_shards(path: Path, count: int) -> None:
    """Returns when so many shards are done."""
    for _ in range(6000):
        time.sleep(0.02)
        if path.exists():
            with Store(path) as store:
                ((done,),) = store.rows("SELECT total(last - first + 1) FROM done")
                if done >= count:
                    return
    raise AssertionError("nothing is stored")


def test_states_are_told_apart(tmp_path: Path) -> None:
    """A run that was begun, one that was interrupted, and one that has ended."""
    with Store(tmp_path / "runs.db") as store:
        first, second = (store.begin((), SETTINGS, describe_environment({}), ()) for _ in range(2))
        Recording(store, second).end(interrupted=True)
        assert [one.state for one in store.runs()] == [UNFINISHED, INTERRUPTED]
        Recording(store, first).end(interrupted=False)
        assert store.last_unfinished().id == second.id
