"""
Batched Jacobians, verified
===========================

BackPACK's tutorial on `batched Jacobians
<https://docs.backpack.pt/en/master/use_cases/example_batched_jacobians.html>`_ computes, for a small network, the
derivative of every output of every sample by every parameter in several ways, and compares them. This
tutorial does the same, then asks two more questions: how close is close enough, and are they right on other networks?
"""

# %%
# The network and the batch of BackPACK's tutorial.

from math import sqrt

import matplotlib.pyplot as plt
import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad, SqrtGGNExact
from torch import nn

import jaccheck

torch.manual_seed(0)
N, D_in, D_hidden, C = 15, 10, 7, 5


def make_model():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(D_in, D_hidden), nn.ReLU(), nn.Linear(D_hidden, C))


X = torch.rand(N, D_in)

# %%
# With autograd
# -------------
# One backward pass for each output of each sample. For a parameter θ the batched Jacobian is a tensor
# ``(N, C, *θ.shape)``.

model = make_model()
J_autograd = {name: torch.zeros(N, C, *p.shape) for name, p in model.named_parameters()}
f = model(X)
for n in range(N):
    for c in range(C):
        gradients = torch.autograd.grad(f[n, c], list(model.parameters()), retain_graph=True)
        for jacobian, gradient in zip(J_autograd.values(), gradients, strict=True):
            jacobian[n, c] = gradient

# %%
# With BackPACK's BatchGrad
# -------------------------
# ``BatchGrad`` gives the gradient of each sample on its own, so one backward pass for each output is enough.

model = extend(make_model())
J_batch_grad = {name: torch.zeros(N, C, *p.shape) for name, p in model.named_parameters()}
f = model(X)
for c in range(C):
    more = c + 1 < C
    with backpack(BatchGrad(), retain_graph=more):
        f[:, c].sum().backward(retain_graph=more)
    for name, p in model.named_parameters():
        J_batch_grad[name][:, c] = p.grad_batch

# %%
# With BackPACK's SqrtGGNExact
# ----------------------------
# The Hessian of the summed square loss is twice the identity. ``SqrtGGNExact`` multiplies Jacobians by the root of
# that Hessian, so they can be read from it in a single backward pass, up to a factor of √2 and the order of axes.

model = extend(make_model())
mse = extend(nn.MSELoss(reduction="sum"))
with backpack(SqrtGGNExact()):
    mse(model(X), torch.zeros(N, C)).backward()
J_sqrt_ggn = {name: p.sqrt_ggn_exact.transpose(0, 1) / sqrt(2) for name, p in model.named_parameters()}

# %%
# Are they equal?
# ---------------
# The usual answer is ``torch.allclose``, which allows a difference of 10⁻⁸ and of 10⁻⁵ of the value.


def all_close(J):
    return all(torch.allclose(J[name], J_autograd[name]) for name in J_autograd)


print("BatchGrad    ", all_close(J_batch_grad))
print("SqrtGGNExact ", all_close(J_sqrt_ggn))

# %%
# But is 10⁻⁵ the right number? Here is a result that is wrong by a few parts in a million: many times what rounding
# can explain in float32.

J_wrong = {name: J * (1 + 8e-6) for name, J in J_batch_grad.items()}
print("8e-6 too large", all_close(J_wrong))

# %%
# ``jaccheck.assert_jacobians_right`` has no tolerance. For each entry it proves a bound on how far any evaluation in
# float32 can be from the exact value, in any order of summation.

jaccheck.assert_jacobians_right(J_batch_grad, make_model(), X)
jaccheck.assert_jacobians_right(J_sqrt_ggn, make_model(), X)
try:
    jaccheck.assert_jacobians_right(J_wrong, make_model(), X)
except AssertionError as error:
    print(error)

# %%
# It also gives no false alarm. ``allclose`` calls a *right* result wrong where terms cancel: these two sum in another
# order, and some entries that are nearly zero differ a little.

deep = nn.Sequential(nn.Linear(50, 60), nn.Tanh(), nn.Linear(60, 60), nn.Tanh(), nn.Linear(60, 3))
batch = torch.randn(8, 50)
by_vmap = jaccheck.jacobians(deep, batch, method="vmap_vjp")
by_backpack = jaccheck.jacobians(deep, batch, method="sqrt_ggn_sum")
print("allclose:", all(torch.allclose(by_vmap[name], by_backpack[name]) for name in by_backpack))
for J in (by_vmap, by_backpack):
    jaccheck.assert_jacobians_right(J, deep, batch)  # both are right

# %%
# The picture
# -----------
# The Jacobians flattened over samples and outputs, and over parameters, one parameter after another. The rows of a
# sample are its outputs; the last columns are the last bias, by which the derivative is the identity.

jaccheck.plot(make_model(), X, figure=plt.figure(figsize=(7, 6), layout="constrained"))
plt.show()

# %%
# Two methods side by side, and their difference in units of the bound on it: beyond ±1 one of them would be wrong.

wide = {"figsize": (15, 5.5), "layout": "constrained"}
jaccheck.plot(make_model(), X, methods=["sqrt_ggn_sum", "autograd_loop"], figure=plt.figure(**wide))
plt.show()

# %%
# The same with a method that has the samples in another order, one of the mutants with which jaccheck tests itself.

from jaccheck.selftest import catalogue

wrong = catalogue()["sample_roll"].method()
jaccheck.plot(make_model(), X, methods=[wrong], figure=plt.figure(**wide))
plt.show()

# %%
# Which methods are right on my model?
# ------------------------------------
# The report appears as a table in a notebook, and on this page.

jaccheck.check(make_model(), X, methods=["batch_grad_loop", "sqrt_ggn_sum", "vmap_vjp", "hooks", "outer_products"])

# %%
# And on other networks?
# ----------------------
# This was one network. ``jaccheck.cases()`` is a Hypothesis strategy of random ones: layers with all their options,
# sizes, dtypes, numbers. ``jaccheck.judge`` asks every law of a method on a case: the numbers must be right, nothing
# may be left behind on the model, and a second call must be right as well.

from collections import Counter

from hypothesis import given, settings

from jaccheck.judging import explanation
from jaccheck.methods import find_method

outcomes = Counter()


def outcome_of(name, case):
    verdict = jaccheck.judge(case, find_method(name))
    listed = [explanation(case, name, failure) for failure in verdict.failures]
    return f"known issue: {listed[0].id}" if any(listed) else str(verdict.outcome)


@settings(max_examples=40, database=None, derandomize=True, deadline=None)
@given(jaccheck.cases())
def hold_to_the_laws(case):
    for name in ("batch_grad_loop", "sqrt_ggn_sum"):
        outcomes[name, outcome_of(name, case)] += 1


hold_to_the_laws()
for (name, outcome), count in sorted(outcomes.items()):
    print(f"{name:16} {outcome:40} {count:3}")

# %%
# ``UNSUPPORTED`` is a case that the method refuses beforehand, ``listed`` one on which it shows a known issue of this
# release of BackPACK: ``jaccheck known`` explains it.
#
# The wrong method from above fails soon, and Hypothesis shrinks the case on which it fails.


@settings(max_examples=100, database=None, derandomize=True, deadline=None)
@given(jaccheck.cases("generic"))
def hold_the_wrong_one(case):
    verdict = jaccheck.judge(case, wrong)
    assert not verdict.failures, f"{case}\n{verdict.message}"


try:
    hold_the_wrong_one()
except AssertionError as error:
    print(error)

# %%
# On the command line ``jaccheck verify`` does all of this: every method, every family of networks, every dtype and
# device, and a script for each finding.
