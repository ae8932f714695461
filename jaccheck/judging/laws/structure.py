"""The law that comes first: a result of the right structure, without which no other law can be asked."""

from __future__ import annotations

import torch
from torch import Tensor

from jaccheck.judging.laws.trial import LawBroken, Trial
from jaccheck.judging.witness import Witness
from jaccheck.oracle import Layout
from jaccheck.reports import Breach, Outcome


def structure(trial: Trial) -> None:
    """A dict of one strided tensor `(N, C, *θ.shape)` for each trainable θ, in order, of θ's dtype and device."""
    fault = fault_of(trial.witness, trial.jacobians)
    if fault:
        raise LawBroken(Breach(law="structure", outcome=Outcome.DISAGREES, message=fault))


def fault_of(witness: Witness, found: object) -> str:
    """What is wrong with the structure of a result on the witness's own problem, or an empty string."""
    return structural_fault(witness.layout, witness.case.dtype, witness.device, found)


def structural_fault(layout: Layout, dtype: str, device: str, found: object) -> str:
    """What is wrong with the structure of a result, or an empty string."""
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        return f"returned {type(found).__name__}, expected a dict of tensors"
    if list(found) != list(layout.shapes):
        return f"returned Jacobians of {list(found)}, expected {list(layout.shapes)}"
    kind, place = getattr(torch, dtype), torch.device(device)
    for name, jacobian in found.items():
        shape = (layout.N, layout.C, *layout.shapes[name])
        if tuple(jacobian.shape) != shape:
            return f"{name}: shape {tuple(jacobian.shape)}, expected (N, C, *θ.shape) = {shape}"
        if jacobian.dtype != kind:
            return f"{name}: dtype {jacobian.dtype}, expected {kind}"
        if jacobian.device.type != place.type or jacobian.layout != torch.strided:
            return f"{name}: {jacobian.layout} on {jacobian.device}, expected {torch.strided} on {place}"
    return ""


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, or its repr where it has none."""
    return (str(error).strip() or repr(error)).split("\n")[0][:300]
