"""The closed-form reference in float64 with its proven bounds; numpy only, so that it shares no kernel with torch."""

from jaccheck.oracle.arithmetic import Arithmetic, arithmetic
from jaccheck.oracle.bounds import ClosedForm, Order, backward, forward, scaled
from jaccheck.oracle.certificate import is_exact
from jaccheck.oracle.differences import difference_bound
from jaccheck.oracle.losses import Loss, loss_bound
from jaccheck.oracle.network import Affine, Layout, Network, Selection, Step
from jaccheck.oracle.steps import NoRule, network, steps_of

__all__ = [
    "Affine",
    "Arithmetic",
    "ClosedForm",
    "Layout",
    "Loss",
    "Network",
    "NoRule",
    "Order",
    "Selection",
    "Step",
    "arithmetic",
    "backward",
    "difference_bound",
    "forward",
    "is_exact",
    "loss_bound",
    "network",
    "scaled",
    "steps_of",
]
