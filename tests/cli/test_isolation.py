"""Whatever a method or a module does to its process: a command answers, and says nothing good that it was not told."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from jaccheck_support.testing import Run, heeding_ctrl_c

from jaccheck.case import Case
from jaccheck.errors import UnknownName
from jaccheck.methods import import_place
from jaccheck.reports import CaseFile, MatrixReport, ModelReport, Outcome, load, save

SUPPORT = Path(__file__).parents[1]
KIND = "jaccheck_support.misbehaving"

FEW = ("--family", "generic", "--max-examples", "2", "--seed", "1", "--no-store", "--quiet")

MODULES = {
    "bad_syntax": "def f(:\n",
    "has_a_fault": "x = {}\ny = x['labels']\n",
    "imports_a_fault": "import has_a_fault\n",
    "leaves": "import sys\nsys.exit(0)\n",
    "is_gone": "import os\nos._exit(0)\n",
}
"""Modules that do not import."""

COMPLAINTS = {
    "bad_syntax:f": "(bad_syntax.py, line 1: def f(:)",
    "has_a_fault:f": "KeyError: 'labels' (has_a_fault.py, line 2: y = x['labels'])",
    "imports_a_fault:f": "(has_a_fault.py, line 2: y = x['labels'])",
    "leaves:f": "SystemExit: 0 (leaves.py, line 2: sys.exit(0))",
    ":f": "expected a name, or package.module:function",
    "..x:f": "expected a name, or package.module:function",
    "a:": "expected a name, or package.module:function",
    "a:b:c": "expected a name, or package.module:function",
}
"""What is said of a method of this name."""

COMMANDS = {
    "show": ("show", "--family", "generic", "--method"),
    "verify": ("verify", "--no-store", "--method"),
}
"""A command with a worker, and one that imports methods itself; up to the name of one."""


LEAVING = {
    "torch.Tensor.__eq__": "torch.Tensor.__eq__ = lambda *given: True",
    "sys.meta_path, sys.path": "import sys; sys.path.clear(); sys.meta_path.clear()",
    "builtins.open": "import builtins, io; builtins.open = io.open = None",
    "the recursion limit": "import sys; sys.setrecursionlimit(60)",
}
"""What a module leaves, with which jaccheck cannot work."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Modules that do not import, and what commands are about."""
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "model.py").write_text(
        "import torch\ndef make():\n    return torch.nn.Linear(2, 1), torch.ones(3, 2)\n"
    )
    return tmp_path


@pytest.fixture
def environment() -> dict[str, str]:
    """In which the methods that misbehave are found."""
    return {**os.environ, "PYTHONPATH": str(SUPPORT)}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_a_method_that_cannot_be_imported(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """One line with the user's own file and line."""
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(UnknownName, match=re.escape(COMPLAINTS[name])) as error:
        import_place(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_is_ended_by_a_module(jaccheck: Run, folder: Path, command: str) -> None:
    """Exit code 0 is given by a process that was told an answer, and never by the module that is imported."""
    done = jaccheck(*COMMANDS[command], "is_gone:f")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the process ended itself with exit code 0" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_matrix_has_a_cell_for_what_ends_the_process(
    jaccheck: Run, tmp_path: Path, environment: dict[str, str]
) -> None:
    """And all cells of the other methods; a method that ends one process after the other is given up."""
    arguments = ("matrix", "--dtype", "float32", "--report", "matrix.json", "--method", "autograd_batched")
    done = jaccheck(*arguments, "--method", f"{KIND}:segmentation_fault", env=environment)
    assert done.returncode == 0, done.stderr
    cells = load(MatrixReport, tmp_path / "matrix.json").cells
    right = [cell.outcome for cell in cells if cell.method == "autograd_batched"]
    wrong = [cell for cell in cells if cell.method == "segmentation_fault"]
    assert len(right) == len(wrong)
    assert Outcome.NOT_RUN not in right
    assert "the process was ended by SIGSEGV" in {cell.message for cell in wrong if cell.outcome is Outcome.CRASHED}
    assert {cell.message for cell in wrong if cell.outcome is Outcome.NOT_RUN} == {
        "it ended too many processes on other rows"
    }


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("exit_as_if_done", "CRASHED: the process ended itself with exit code 0"),
        ("endless_native_loop", "HUNG: not done after 2 s"),
        ("gigabytes_of_output", "CRASHED: it wrote more than 64.0 MiB to standard output"),
    ],
)
def test_nothing_is_drawn_of_what_ends_the_process(
    jaccheck: Run, tmp_path: Path, case: Case, environment: dict[str, str], kind: str, words: str
) -> None:
    """`show` says so, and its exit code is 2."""
    save(CaseFile(cases=(replace(case, dtype="float32"),)), tmp_path / "case.json")
    done = jaccheck("show", "case.json", "--time", "2", "--method", f"{KIND}:{kind}", env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr.splitlines()[-1]
    assert "there is nothing to draw" in done.stderr


def test_ctrl_c_while_a_command_loads(tmp_path: Path) -> None:
    """One line, no traceback, and exit code 130, wherever in an import it comes."""
    (tmp_path / "click.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nraise ImportError\n")
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.path.insert(0, '.'); from jaccheck.__main__ import main; main()"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        preexec_fn=heeding_ctrl_c,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "jaccheck: interrupted\n")


def test_ctrl_c_while_the_worker_is_at_work(tmp_path: Path) -> None:
    """The worker hears nothing of it, and the command says one line."""
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(1000)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "jaccheck", "show", "slow.py:make"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heeding_ctrl_c,
    )
    assert process.stderr is not None
    assert " s: " in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "jaccheck: interrupted"
    assert "Traceback" not in said


FORKS = """
import os
import jaccheck
from jaccheck.methods import find_method

@jaccheck.method(family="own")
def forks(problem):
    J = find_method("vmap_vjp").compute(problem)
    if os.fork() == 0:
        return {name: 2 * j for name, j in J.items()}
    os.wait()
    return J
"""


def test_a_fork_that_comes_back_says_nothing(folder: Path, jaccheck: Run) -> None:
    """It would go on as a second worker: with other numbers, and with progress and an answer of its own."""
    (folder / "own.py").write_text(FORKS)
    done = jaccheck("check", "model.py:make", "--method", "own:forks", "--method", "vmap_vjp", "--report", "out.json")
    assert done.returncode == 0, done.stderr
    report = load(ModelReport, folder / "out.json")
    assert [(answer.method, answer.outcome) for answer in report.answers] == [
        ("forks", Outcome.AGREES),
        ("vmap_vjp", Outcome.AGREES),
    ]


@pytest.mark.parametrize("left", LEAVING)
def test_what_a_module_leaves_is_no_error_in_jaccheck(folder: Path, jaccheck: Run, left: str) -> None:
    """Where nothing works with it, one line names it, with exit code 2."""
    with (folder / "model.py").open("a") as file:
        file.write(f"{LEAVING[left]}\n")
    done = jaccheck("check", "model.py:make", "--method", "autograd_loop")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert f"what was imported has replaced {left}" in done.stderr.splitlines()[-1]


LEAVING_TO_A_COMMAND = {
    "sys.stdout.close()": "has closed sys.stdout",
    "sys.stderr.close()": "has closed sys.stderr",
    "import os; os.close(1); os.close(2)": "has closed sys.stdout",
    "import builtins, io; builtins.open = io.open = None": "has replaced builtins.open, io.open",
    "import builtins; builtins.len = lambda x: 0": "has replaced builtins.len",
    "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)": "",
    "import os; os.fork()": "",
}
"""What a module leaves in a command that imports it itself, and what is said of it; or nothing, and it is judged."""


@pytest.mark.parametrize("left", LEAVING_TO_A_COMMAND)
def test_a_command_that_imports_a_method_itself_is_not_broken_by_it(folder: Path, jaccheck: Run, left: str) -> None:
    """One line with exit code 2, or the method's verdict; and no process is left, which would hold the output open."""
    text = "import sys\nfrom jaccheck.methods.autograd import autograd_loop\n"
    method = "def twice(problem):\n    return {k: 2 * v for k, v in autograd_loop(problem).items()}\n"
    (folder / "mine.py").write_text(f"{text}{method}{left}\n")
    done = jaccheck("verify", *FEW, "--method", "mine:twice")
    assert "Traceback" not in done.stderr
    if said := LEAVING_TO_A_COMMAND[left]:
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert said in done.stderr
    else:
        assert done.returncode == 1, done.stderr
        assert "twice on cpu: agreement" in done.stdout


def test_a_main_module_that_is_emptied_is_not_the_workers(folder: Path, jaccheck: Run) -> None:
    """A model's module may do that to what it takes for its own script; the model is checked."""
    with (folder / "model.py").open("a") as file:
        file.write("import __main__\nvars(__main__).clear()\n")
    done = jaccheck("check", "model.py:make", "--method", "autograd_loop")
    assert done.returncode == 0, done.stderr
