"""What several test files share."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

import jaccheck.case
from jaccheck.case import Case
from jaccheck.methods import round_sample
from jaccheck.oracle import Network, network
from jaccheck.reports import Environment, Failure, Finding, Outcome, Told

Run = Callable[..., subprocess.CompletedProcess[str]]
"""Runs the command line in a process of its own."""


def heeding_ctrl_c() -> None:
    """Also for `preexec_fn`: a process started in the background of a script ignores SIGINT, and so do its children.

    So it is with SIGHUP under `nohup`.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pasted(text: str) -> Case:
    """The case that a repr is of, evaluated with the names that the door of cases hands on."""
    value = eval(text, {name: getattr(jaccheck.case, name) for name in jaccheck.case.__all__})
    assert isinstance(value, Case)
    return value


def network_of(case: Case) -> Network:
    """The network that the oracle makes of a case, on its numbers as rounded."""
    rounded = round_sample(case)
    numbers = {name: value.double().numpy() for name, value in rounded.numbers.items()}
    return network(case, rounded.X.double().numpy(), numbers)


def tutorial() -> tuple[nn.Module, Tensor]:
    """The network and batch of BackPACK's tutorial."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(10, 7), nn.ReLU(), nn.Linear(7, 5)), torch.rand(15, 10)


ENVIRONMENT = Environment(
    python="3.11.7",
    platform="Linux",
    jaccheck="0.1.0",
    torch="2.13.0",
    backpack=None,
    numpy="2.4.6",
    hypothesis="6.170",
    devices={"cpu": "x86_64"},
    threads=1,
)
"""Of reports that nobody has run."""


def finding_on(case: Case, **changes: object) -> Finding:
    """A finding of a method that is not wrong on the case any more."""
    finding = Finding(
        id="1",
        method="autograd_batched",
        device="cpu",
        failure=Failure(law="agreement", outcome=Outcome.DISAGREES, detail=Told(text="once wrong")),
        seen=1,
        case=case,
        script="",
    )
    return replace(finding, **changes)  # type: ignore[arg-type]
