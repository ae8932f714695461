"""Verification of batched Jacobians: cases, methods, an oracle with proven bounds, laws, verdicts.

Names are looked up when they are first used, so importing the package loads neither torch nor hypothesis.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaccheck.case import Case as Case
    from jaccheck.case.strategies import cases as cases
    from jaccheck.checking import assert_jacobians_right as assert_jacobians_right
    from jaccheck.checking import check as check
    from jaccheck.checking import jacobians as jacobians
    from jaccheck.judgement import judge as judge
    from jaccheck.methods import Method as Method
    from jaccheck.methods import method as method
    from jaccheck.model_report import ModelReport as ModelReport
    from jaccheck.picturing.plotting import plot as plot
    from jaccheck.problem import Jacobians as Jacobians
    from jaccheck.problem import Problem as Problem
    from jaccheck.problem import build as build
    from jaccheck.report import Report as Report
    from jaccheck.verdict import Outcome as Outcome
    from jaccheck.verdict import Verdict as Verdict

_HOMES = {
    "Case": "case",
    "Jacobians": "problem",
    "Method": "methods",
    "ModelReport": "model_report",
    "Outcome": "verdict",
    "Problem": "problem",
    "Report": "report",
    "Verdict": "verdict",
    "assert_jacobians_right": "checking",
    "build": "problem",
    "cases": "case.strategies",
    "check": "checking",
    "jacobians": "checking",
    "judge": "judgement",
    "method": "methods",
    "plot": "picturing.plotting",
}

__all__ = [
    "Case",
    "Jacobians",
    "Method",
    "ModelReport",
    "Outcome",
    "Problem",
    "Report",
    "Verdict",
    "assert_jacobians_right",
    "build",
    "cases",
    "check",
    "jacobians",
    "judge",
    "method",
    "plot",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'jaccheck' has no attribute {name!r}")
    return getattr(importlib.import_module(f"jaccheck.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
