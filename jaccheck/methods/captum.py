"""Captum: sample-wise gradients by its hooks on modules, an optional extra."""

from __future__ import annotations

from torch import nn

from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import method

PACKAGE = "captum"


def _beyond_rules(problem: Problem) -> str | None:
    """What SampleGradientWrapper says it does not support."""
    if problem.N == 0 and any(isinstance(module, nn.Conv2d) for module in problem.model.modules()):
        return "it cannot reshape what a Conv2d gets in an empty batch"
    if not problem.X.is_floating_point():
        return "it puts hooks on gradients by the input, and whole numbers have none"
    for path, module in problem.model.named_modules():
        where = f"{path or 'the model'} ({type(module).__name__})"
        if type(module) not in (nn.Linear, nn.Conv2d):
            if any(p.requires_grad for p in module.parameters(recurse=False)):
                return f"SampleGradientWrapper has no rule for {where}"
        elif isinstance(module, nn.Conv2d) and isinstance(module.padding, str):
            return f"it does not support padding in words, as of {where}"
    return None


@method(
    family="captum",
    package=PACKAGE,
    imports="captum._utils.sample_gradient",
    leaves=("grad", "sample_grad"),
    unsupported=_beyond_rules,
)
def captum_hooks(problem: Problem) -> Jacobians:
    """Captum's SampleGradientWrapper, one forward and backward pass for each output; its hooks are taken off again."""
    from captum._utils.sample_gradient import SampleGradientWrapper

    θ = problem.parameters
    J = {name: p.new_zeros(problem.N, problem.C, *p.shape) for name, p in θ.items()}
    trained = [m for m in problem.model.modules() if any(p.requires_grad for p in m.parameters(recurse=False))]
    wrapper = SampleGradientWrapper(problem.model, trained)
    wrapper.add_hooks()
    try:
        for c in range(problem.C):
            # As Captum does: hooks are put on the input of each layer, so it must need a gradient, and be another
            # tensor each time, since they stay on it.
            X = problem.X.detach().requires_grad_()
            f = problem.model(X).reshape(problem.N, problem.C)
            wrapper.compute_param_sample_gradients(f[:, c].sum(), loss_mode="sum")
            for name, p in θ.items():
                # Nothing is saved where no gradient comes.
                if hasattr(p, "sample_grad"):
                    J[name][:, c] = p.sample_grad
                    del p.sample_grad
    finally:
        wrapper.remove_hooks()
    return J
