"""`Way`: a way in which a network is used, as lines of a script.

In the lines `{m}` is the network, `{n}` the number of the use, `{cut}` a place between two of its layers, `{first}` its
first module with a parameter and `{p}` a parameter. `loss{n}` and `other{n}` are losses of outputs and targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Orders = Literal["all", "second"]

Context = Literal[
    "one",
    "nested",
    "nested before",
    "two losses",
    "beside a thread",
    "two threads",
    "retained",
    "forward inside",
    "hook that writes",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way. Lines of `before`, `forward` and `written` are the user's own, and run on the plain copy as well.

    `around` and `between` are no part of what is differentiated, and run on the live network only. Where `is_noticed`,
    torch may say that `between` wrote to what it needs.
    `issue` is the known issue whose condition this way meets, for extensions of these `orders`; or empty.
    `needs` is a word that must be in the source of a layer; where `needs_numbers`, inputs are no indices, and there is
    no recurrent layer, whose gradients torch does not differentiate again; where `needs_rows`, outputs are `(N, C)` and
    the last layer is a Linear. `is_modular` says that outputs are those of
    modules alone, as second-order extensions are documented to need.
    """

    name: str
    around: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    forward: tuple[str, ...] = ("value{n} = loss{n}({m}(X{n}), y{n})",)
    function: str = ""
    """A function of torch that the loss goes through: gradients are those of its value, curvature is of all samples."""
    factor: float = 1.0
    """The gradient that `backward` begins with."""
    written: tuple[str, ...] = ()
    between: tuple[str, ...] = ()
    is_noticed: bool = False
    after: tuple[str, ...] = ()
    """What must hold after the backward pass, beside its results."""
    undo: tuple[str, ...] = ()
    issue: str = ""
    orders: Orders = "all"
    needs: str = ""
    needs_numbers: bool = False
    needs_rows: bool = False
    leaf: str = ""
    """The tensors that are differentiated by, by `{name}`, if they are not the network's own parameters."""
    context: Context = "one"
    is_modular: bool = True
    is_strided: bool = False
    """Whether what goes from module to module may be out of order in memory."""

    @property
    def is_run_inside(self) -> bool:
        """Whether the forward pass is run inside the context of BackPACK, too."""
        return self.context in ("two losses", "forward inside")
