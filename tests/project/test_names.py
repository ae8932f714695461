"""Names that come from a file choose no path, import no module and move no cursor."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaccheck_support.testing import Run

from jaccheck.case import Case, Linear
from jaccheck.rendering import print_finding
from jaccheck.rendering.text import SafeConsole
from jaccheck.reports import CaseFile, Failure, Finding, Outcome, Told, finding_path, save

HOSTILE = st.text() | st.sampled_from(["../../x", "/etc/passwd", "..", ".", "a\0b", "con:", "x" * 10_000, "\x1b[2J"])


def finding_of(case: Case, *, method: str, law: str = "agreement", id: str = "1") -> Finding:
    """A finding that somebody else has written."""
    outcome = Outcome.DISAGREES
    return Finding(
        id=id,
        method=method,
        device="cpu",
        failure=Failure(law=law, outcome=outcome, detail=Told(text="\x1b[2J")),
        seen=1,
        case=case,
        script="#\x1b",
    )


@given(method=HOSTILE, law=HOSTILE, id=HOSTILE)
def test_a_finding_is_stored_where_it_should(method: str, law: str, id: str) -> None:
    """In the folder itself, as no hidden file, under a name that every file system takes."""
    case = Case(layers=(Linear(out_features=1),), in_shape=(1,), batch_size=1)
    path = finding_path(Path("/findings"), finding_of(case, method=method, law=law, id=id))
    assert path.parent == Path("/findings")
    assert path.suffix == ".json"
    assert not path.name.startswith(".")
    assert len(path.name.encode()) <= 255


@pytest.mark.parametrize("command", ["replay", "show"])
def test_a_finding_imports_nothing(jaccheck: Run, tmp_path: Path, case: Case, command: str) -> None:
    """It may name any method that is known, but a module only if the user names it too."""
    (tmp_path / "owned.py").write_text("open('owned', 'w').close()\n")
    path = tmp_path / "finding.json"
    save(CaseFile(cases=(case,), finding=finding_of(case, method="owned:function")), path)
    done = jaccheck(command, path)
    assert done.returncode == 2
    assert "no file may say what is imported" in done.stdout + done.stderr
    assert not (tmp_path / "owned").exists()


def test_the_user_may_say_what_is_imported(jaccheck: Run, tmp_path: Path, case: Case) -> None:
    """Then the finding is replayed."""
    (tmp_path / "mine.py").write_text(
        "import jaccheck\n"
        "@jaccheck.method(family='own')\n"
        "def zeros(problem):\n"
        "    θ = problem.parameters\n"
        "    return {name: p.new_zeros(problem.N, problem.C, *p.shape) for name, p in θ.items()}\n"
    )
    path = tmp_path / "finding.json"
    save(CaseFile(cases=(case,), finding=finding_of(case, method="mine:zeros")), path)
    done = jaccheck("replay", path, "--method", "mine:zeros")
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith("DISAGREES")


def test_no_text_reaches_the_terminal_as_a_command(case: Case) -> None:
    """Escape sequences are written out, in messages, scripts and titles."""
    out = io.StringIO()
    print_finding(finding_of(case, method="\x1b]0;title\x07"), "\x1b[1A", SafeConsole(file=out, width=100))
    assert "\x1b" not in out.getvalue()
    assert "\x07" not in out.getvalue()
    assert "\\x1b[2J" in out.getvalue()
    assert "\\x1b]0;title\\x07" in out.getvalue()
