"""One side of the gate, in the environment of that side: `jaccheck.gate.worker FILE DISTRIBUTION…`.

Answers each `Ask`, and writes the tensors of judged results to FILE, anew for each case. This file and `observing.py`
are the only ones of the gate that need torch.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

import jaccheck
from jaccheck.case import DTYPES
from jaccheck.core import Parent, version_of
from jaccheck.errors import InvalidCase
from jaccheck.gate.observing import Capture, called, timed, weighed
from jaccheck.gate.protocol import Answer, Array, Ask, Hello, Message, Observation
from jaccheck.gate.sides import BACKPACK
from jaccheck.judging import CaseReference, explanations, judge, listed, write_script
from jaccheck.methods import Method, available_devices, calm_torch, registered, round_sample
from jaccheck.reports import Outcome, first_line

DISTRIBUTIONS = (BACKPACK, "torch", "numpy", "jaccheck")
"""Whose versions are stated, beside those that the side was asked for."""


class Worker:
    """Answers questions about methods, here in this environment."""

    def __init__(self, scratch: BinaryIO, parent: Parent, asked: list[str]) -> None:
        self._scratch = scratch
        self._parent = parent
        self._methods = registered()
        self._distributions = dict.fromkeys((*DISTRIBUTIONS, *asked))

    def serve(self) -> None:
        """Says hello, then answers until there are no more questions."""
        self._parent.say(self._hello())
        with calm_torch():
            for ask in self._parent.asks(Ask):
                self._parent.say(Message(answer=self._answer(ask)))

    def _answer(self, ask: Ask) -> Answer:
        match ask.task:
            case "call":
                tensors = round_sample(ask.case)
                calls = (called(method, ask, tensors) for method in self._asked(ask))
                return Answer(calls=tuple(calls))
            case "judge":
                return self._judge(ask)
            case "time":
                return Answer(amounts=tuple(timed(method, ask.case, ask.device) for method in self._asked(ask)))
            case "weigh":
                return Answer(amounts=tuple(weighed(method, ask.case, ask.device) for method in self._asked(ask)))

    def _hello(self) -> Hello:
        packages = {"jaccheck": jaccheck, "torch": torch, "backpack": sys.modules.get("backpack")}
        return Hello(
            versions={name: version for name in self._distributions if (version := _version(name))},
            files={name: str(Path(package.__file__ or "").parent) for name, package in packages.items() if package},
            methods={name: method.missing for name, method in self._methods.items()},
            packages={name: method.package for name, method in self._methods.items() if method.package},
            devices=tuple(available_devices()),
            trouble=_trouble(),
        )

    def _asked(self, ask: Ask) -> Iterator[Method]:
        """The methods, each named before it is run, so that the gate knows which one it was if this process dies."""
        for name in ask.methods:
            self._parent.say(Message(starts=name))
            yield self._methods[name]

    def _judge(self, ask: Ask) -> Answer:
        self._scratch.seek(0)
        self._scratch.truncate()
        try:
            reference = CaseReference(ask.case, ask.device)
        except InvalidCase:
            return Answer()
        return Answer(observations=tuple(self._observe(method, ask, reference) for method in self._asked(ask)))

    def _observe(self, method: Method, ask: Ask, reference: CaseReference) -> Observation:
        if method.missing:
            return Observation(method=method.name, outcome=Outcome.UNSUPPORTED, message=method.missing, is_absent=True)
        capture = Capture(method)
        verdict = judge(ask.case, replace(method, compute=capture), device=ask.device, reference=reference)
        failure = verdict.failures[0] if verdict.failures else None
        return Observation(
            method=method.name,
            outcome=verdict.outcome,
            message=verdict.message,
            failure=failure,
            gravest=verdict.gravest,
            laws=tuple(each.law for each in verdict.failures),
            known=explanations(ask.case, verdict),
            listed=listed(ask.case, method.name),
            warnings=tuple(sorted(capture.warnings)),
            leaves=tuple(sorted(capture.leaves)),
            arrays=tuple(filter(None, (self._written(name, tensor) for name, tensor in capture.tensors.items()))),
            script=write_script(ask.case, method, ask.device, failure) if failure else "",
        )

    def _written(self, name: str, tensor: Tensor) -> Array | None:
        """Where a tensor stands in the file; None for one of another dtype, which the verdict tells of."""
        dtype = next((dtype for dtype in DTYPES if str(tensor.dtype) == f"torch.{dtype}"), None)
        if dtype is None:
            return None
        place = Array(name=name, dtype=dtype, shape=tuple(tensor.shape), offset=self._scratch.tell())
        self._scratch.write(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
        self._scratch.flush()
        return place


def _trouble() -> str:
    try:
        torch.zeros(1).numpy()
    except RuntimeError as error:
        return f"{first_line(error)} (numpy {_version('numpy')}); name one that does, as in numpy==1.26.4, in the side"
    return ""


def _version(name: str) -> str | None:
    return str(torch.__version__) if name == "torch" else version_of(name)


if __name__ == "__main__":
    parent = Parent()
    with open(parent.arguments[0], "wb") as scratch:
        Worker(scratch, parent, parent.arguments[1:]).serve()
