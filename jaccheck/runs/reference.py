"""`REFERENCE`: the reference in the form of a method, since torch can end the process in it, too."""

from __future__ import annotations

from jaccheck.judging import autograd_by_sample
from jaccheck.methods import Method

REFERENCE = Method(
    name="reference",
    family="reference",
    compute=autograd_by_sample,
    summary="torch.autograd.grad for each entry of the output, one forward pass for each sample.",
)
"""Not in the registry: it cannot be chosen; it runs on every case before any method."""
