"""A report of the gate."""

from __future__ import annotations

import dataclasses

from jaccheck.reports import (
    Acceptance,
    Answer,
    CellChange,
    Change,
    GateCell,
    GateReport,
    GateSettings,
    Kind,
    Outcome,
    PairedTiming,
    SideRecord,
    Speed,
)
from jaccheck_support.example_reports.excerpt import CASE


def gate_report() -> GateReport:
    """A regression, an accepted one, one that is fixed; speed, and an acceptance that nothing needs."""
    base = SideRecord(
        asked="backpack-for-pytorch==1.7.0",
        python="3.11.7",
        versions={"backpack-for-pytorch": "1.7.0", "torch": "2.13.0"},
        files={"backpack": "/somewhere/backpack", "torch": "/somewhere/torch"},
        missing={"sqrt_ggn_mean": "no SqrtGGNExact"},
        command="PYTHONPATH=/somewhere python -P script.py",
    )
    broken = Change(
        id="1",
        kind=Kind.BROKEN,
        method="sqrt_ggn_sum",
        device="cpu",
        base="AGREES",
        candidate="DISAGREES: 0.weight[0, 0]: 1 instead of 2",
        seen=1,
        case=CASE,
        script="import torch\n",
    )
    accepted = dataclasses.replace(broken, id="2", accepted="we know", seen=3)
    mended = dataclasses.replace(broken, id="3", kind=Kind.FIXED)
    paired = PairedTiming(
        answer=Answer.SLOWER, ratio=1.3, low=1.2, high=1.4, confidence=0.99, margin=0.1, blocks=9, looks=2, seconds=3.0
    )
    return GateReport(
        settings=GateSettings(
            base=base.asked,
            candidate="/tmp/spoilt",
            profile="quick",
            seed=0,
            methods=("sqrt_ggn_sum", "batch_grad_loop"),
            devices=("cpu",),
            dtypes=("float64",),
            families=("smooth",),
        ),
        base=base,
        candidate=dataclasses.replace(base, asked="/tmp/spoilt"),
        cases=9,
        cells=(
            GateCell(
                method="sqrt_ggn_sum",
                device="cpu",
                dtype="float64",
                family="smooth",
                cases=9,
                same=7,
                within=1,
                different=1,
                ulps=(80, 5, 3, 0, 0, 0, 0, 1, 1),
            ),
        ),
        changes=(broken, accepted, mended),
        matrix=(
            CellChange(
                group="perceptrons",
                row="ELU",
                method="sqrt_ggn_sum",
                dtype="float64",
                device="cpu",
                was=Outcome.AGREES,
                now=Outcome.DISAGREES,
                message=broken.candidate,
            ),
        ),
        speeds=(Speed(method="sqrt_ggn_sum", device="cpu", shape="10-7-5", timing=paired),),
        unmatched=(Acceptance(kind="broken", reason="mended since"),),
        seconds=12.0,
    )
