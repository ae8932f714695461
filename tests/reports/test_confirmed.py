"""Whether a finding was seen again in a new process stands in every report of it, and after the run."""

from __future__ import annotations

from pathlib import Path

from jaccheck_support.testing import Run

from jaccheck.reports import DOUBT, Report, load

WRONG = (
    *("verify", "--no-store", "--seed", "1", "--family", "generic", "--dtype", "float32", "--max-examples", "4"),
    *("--method", "mutant:sample_roll", "--quiet"),
)
FORMATS = ("json", "html", "md", "xml")


def test_without_workers_every_report_says_that_nothing_was_confirmed(jaccheck_here: Run, tmp_path: Path) -> None:
    """And so do the finding on the terminal and the last line."""
    written = [tmp_path / f"out.{kind}" for kind in FORMATS]
    done = jaccheck_here(*WRONG, "--workers", "0", *(word for path in written for word in ("--report", str(path))))
    assert done.returncode == 1
    report = load(Report, written[0])
    assert [finding.confirmed for finding in report.findings] == [False]
    assert done.stdout.splitlines()[-1] == f"NOT CONFIRMED: 1 of 1 finding. {DOUBT}"
    assert done.stdout.count(DOUBT) == 2
    assert '"confirmed": false' in written[0].read_text()
    for path in written[1:]:
        assert "Not seen again in a new process" in path.read_text(), path


def test_with_workers_it_is_confirmed(jaccheck: Run, tmp_path: Path) -> None:
    """And nothing says otherwise."""
    written = [tmp_path / f"out.{kind}" for kind in FORMATS]
    done = jaccheck(*WRONG, "--workers", "1", *(word for path in written for word in ("--report", str(path))))
    assert done.returncode == 1, done.stdout + done.stderr
    assert [finding.confirmed for finding in load(Report, written[0]).findings] == [True]
    for text in (done.stdout, *(path.read_text() for path in written)):
        assert "Not seen again" not in text
        assert "NOT CONFIRMED" not in text
