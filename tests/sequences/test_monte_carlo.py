"""Laws of extensions that draw random numbers: they hold, and each is seen to fail."""

from __future__ import annotations

import pytest

from jaccheck.methods import calm_torch
from jaccheck.sequences.broken import Broken
from jaccheck.sequences.monte_carlo import LAWS, USE, check_monte_carlo
from jaccheck.sequences.session import available_extensions


def test_they_hold_of_the_installed_backpack() -> None:
    """Shapes, seeds, zeros, roots, factors, and the mean of many draws."""
    with calm_torch():
        check_monte_carlo(available_extensions())


RETURNED = "return getattr(model[-1].weight, extension.savefield)"

FOUND = "found = getattr(model[-1].weight, extension.savefield)"

SPOILED = {
    "has the shape": (RETURNED, f"{RETURNED}[None]"),
    "the same for the same seed": ("torch.manual_seed(seed)", "torch.rand(1)"),
    "another for another": ("torch.manual_seed(seed)", "torch.manual_seed(0)"),
    "exactly 0 where no output depends": ("deep[0].bias[0] = -100.0", "deep[0].bias[0] = 100.0"),
    "of the same draws": ("    loss = ", "    torch.rand(len(extension.savefield))\n    loss = "),
    "draws of BatchDiagGGNMC is": (
        RETURNED,
        f"{FOUND}\n    return found * 1.3 if kind is nn.CrossEntropyLoss and '_mc_' in extension.savefield else found",
    ),
    "draws of KFAC is": (
        RETURNED,
        f"{FOUND}\n    return [1.3 * found[0]] if extension.savefield == 'kfac' and len(X[rows]) == 2 and seed == 0 "
        "and extension.get_num_mc_samples() > 5 else found",
    ),
    "HMP multiplies with": (
        RETURNED,
        "if extension.savefield == 'hmp':\n"
        "        product = model[0].weight.hmp\n"
        "        model[0].weight.hmp = lambda v: 2 * product(v)\n"
        f"    {RETURNED}",
    ),
}
"""What a message says, and what is replaced in the use."""


@pytest.mark.parametrize("what", SPOILED)
def test_each_is_seen_to_fail(what: str) -> None:
    """The use is changed so that the law cannot hold; the script of what is told fails alone."""
    spoiled = "\n".join(USE).replace(*SPOILED[what])
    with pytest.raises(Broken) as caught, calm_torch():
        check_monte_carlo(available_extensions(), use=(spoiled,))
    assert what in caught.value.message
    with pytest.raises(AssertionError), calm_torch():
        exec(caught.value.script, {})


def test_every_law_is_about_extensions_that_are_there() -> None:
    """The installed release has them all, so none of the laws is passed over."""
    import backpack.extensions

    assert all(hasattr(backpack.extensions, name) for _, about, _ in LAWS for name in about)
