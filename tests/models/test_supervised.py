"""`check_place`: whatever a model or a method does to its process, the command answers, and truly."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jaccheck_support.testing import Run

from jaccheck.reports import ModelReport, Outcome, load

METHODS = '''
import ctypes, os, signal
import jaccheck
from jaccheck.methods import find_method

def right(problem):
    return find_method("vmap_vjp").compute(problem)

@jaccheck.method(family="own")
def ends(problem):
    """Ends its process with exit code 0."""
    os._exit(0)

@jaccheck.method(family="own")
def is_killed(problem):
    """Is killed by a signal."""
    os.kill(os.getpid(), signal.SIGSEGV)

calls = []

@jaccheck.method(family="own")
def ends_later(problem):
    """Ends its process at its second call."""
    calls.append(1)
    if len(calls) > 1:
        os._exit(0)
    return right(problem)

@jaccheck.method(family="own")
def hangs(problem):
    """Never comes back, and cannot be stopped."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGINT})
    ctypes.CDLL(None).sleep(1000)

@jaccheck.method(family="own")
def is_slow(problem):
    """Is not done for a long time, in Python."""
    import time
    time.sleep(1000)

@jaccheck.method(family="own")
def closes(problem):
    """Closes standard output and error, and is right."""
    for stream in (1, 2):
        try:
            os.close(stream)
        except OSError:
            pass
    return right(problem)

class Enough(BaseException):
    pass

@jaccheck.method(family="own")
def has_enough(problem):
    """Raises what is no Exception."""
    raise Enough("of it")
'''

MODELS = """
import os, sys, time
import torch
from torch import nn

def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)), torch.randn(6, 4)

class Ending(nn.Linear):
    def forward(self, x):
        os._exit(0)

def ending():
    return Ending(3, 2), torch.randn(4, 3)

class Slow(nn.Linear):
    def forward(self, x):
        time.sleep(2)
        return super().forward(x)

def slow():
    return Slow(3, 2), torch.randn(4, 3)

class Endless(nn.Linear):
    def named_parameters(self, *given, **options):
        while True:
            yield "weight", self.weight

def endless():
    return Endless(3, 2), torch.randn(4, 3)

def leaves():
    sys.exit(0)

def exits():
    os._exit(0)
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Methods and models, where the command runs."""
    (tmp_path / "own_methods.py").write_text(METHODS)
    (tmp_path / "own.py").write_text(MODELS)
    return tmp_path


@pytest.mark.full
def test_methods_that_do_not_come_back_are_named_and_stop_no_other(jaccheck: Run, own: Path) -> None:
    """Exit code 0 from within, a segmentation fault, a call that blocks, one that takes too long; one that is right."""
    names = ("ends", "is_killed", "hangs", "is_slow")
    options = [word for name in names for word in ("--method", f"own_methods:{name}")]
    done = jaccheck("check", "own.py:mlp", "--method", "vmap_vjp", *options, "--time", "30", "--report", "out.json")
    assert done.returncode == 0, done.stdout + done.stderr
    answers = {answer.method: answer for answer in load(ModelReport, own / "out.json").answers}
    assert {name: answer.outcome for name, answer in answers.items()} == {
        "ends": Outcome.CRASHED,
        "is_killed": Outcome.CRASHED,
        "hangs": Outcome.HUNG,
        "is_slow": Outcome.NOT_RUN,
        "vmap_vjp": Outcome.AGREES,
    }
    assert answers["ends"].message == "the process ended itself with exit code 0"
    assert "SIGSEGV" in answers["is_killed"].message
    assert "CRASHED: is_killed: the process was ended by SIGSEGV" in done.stdout
    assert "did not come back within" in answers["hangs"].message
    assert "not done after" in answers["is_slow"].message
    assert "use vmap_vjp" in done.stdout


def test_what_is_no_exception_is_told_in_its_words(jaccheck: Run, own: Path) -> None:
    """After a method that has closed the files into which a process that ends writes why."""
    names = ("closes", "has_enough")
    options = [word for name in names for word in ("--method", f"own_methods:{name}")]
    done = jaccheck("check", "own.py:mlp", *options, "--report", "out.json")
    answers = {answer.method: answer for answer in load(ModelReport, own / "out.json").answers}
    assert answers["has_enough"].outcome is Outcome.CRASHED, done.stdout
    assert answers["has_enough"].message.startswith("Enough: of it (own_methods.py, line ")
    assert answers["closes"].outcome is Outcome.AGREES


def test_a_method_that_ends_the_process_while_it_is_timed_costs_the_times_only(jaccheck: Run, own: Path) -> None:
    """Nobody knows which of those that take turns it was; what was compared is compared again, and told."""
    done = jaccheck(
        *("check", "own.py:mlp", "--method", "own_methods:ends_later", "--method", "vmap_vjp", "--report", "out.json")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = load(ModelReport, own / "out.json")
    assert [(answer.outcome, answer.peak) for answer in report.answers] == [(Outcome.AGREES, None)] * 2


@pytest.mark.parametrize("name", ["slow", "endless"])
def test_a_model_for_which_there_is_no_time_is_told(jaccheck: Run, own: Path, name: str) -> None:
    """One line, exit code 2, soon after the time; also where a list of its parameters has no end."""
    done = jaccheck("check", f"own.py:{name}", "--method", "vmap_vjp", "--time", "3")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "looking at the model alone takes more than 3 s" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", ["ending", "leaves", "exits"])
def test_a_model_that_ends_the_process_is_no_success(jaccheck: Run, own: Path, name: str) -> None:
    """Exit code 2 and a line that says what happened."""
    done = jaccheck("check", f"own.py:{name}", "--method", "vmap_vjp")
    assert done.returncode == 2, done.stdout + done.stderr
    line = done.stderr.splitlines()[-1]
    assert line.startswith(f"jaccheck: own.py:{name}")
    assert "exit" in line.lower()


@pytest.mark.full
def test_ctrl_c_gives_the_answer_for_what_was_done(own: Path) -> None:
    """A method is waited for; the one before it has been compared."""
    command = [sys.executable, "-c", HEEDING, "check", "own.py:mlp", "--method", "vmap_vjp"]
    command += ["--method", "own_methods:is_slow", "--report", "out.json"]
    with subprocess.Popen(command, cwd=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "now is_slow" in line:  # not while it is imported
                break
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, out + errors
    assert "this is what was done until then" in out
    report = load(ModelReport, own / "out.json")
    assert [(a.method, a.outcome) for a in report.answers] == [
        ("vmap_vjp", Outcome.AGREES),
        ("is_slow", Outcome.NOT_RUN),
    ]


HEEDING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from jaccheck.cli.exits import main
main()
"""
