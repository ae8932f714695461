"""Verification of batched Jacobians, `(N, C, *θ.shape)` for each parameter θ: no tolerances, proven bounds.

Your own model:
    jacobians               the batched Jacobians of a model
    gradients               the per-sample gradients of a loss
    assert_jacobians_right  whether these Jacobians are the right ones
    assert_gradients_right  the same of per-sample gradients
    check                   which methods are right on a model, and which one to use: a ModelReport
    plot                    its Jacobians as a picture

Methods, your own or others':
    method                  the decorator of a function from a Problem to its Jacobians
    check_method            every law on random cases, for one method: a Report
    verify                  the same for several, or for all that there are
    Method, Problem, Jacobians

Random cases:
    cases                   a Hypothesis strategy of Cases
    build                   the Problem, with a live model, that a Case stands for
    judge                   one method on one Case: a Verdict

Reports:
    load, save              a report, or cases, as JSON
    Report, ModelReport, Verdict, Outcome

`conformance` has tests for pytest, `errors` what is raised for misuse. `jaccheck --help` lists the commands. Names are
looked up when they are first used, so importing the package loads neither torch nor Hypothesis.
"""

import lazy_loader

_looked_up, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("jaccheck")
    return _looked_up(name)
