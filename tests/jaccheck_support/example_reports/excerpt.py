"""What the reports share: a case, and an excerpt of a wrong result."""

from __future__ import annotations

from jaccheck.case import Case, LeakyReLU, Linear, Parallel, Residual
from jaccheck.reports import (
    Excerpt,
)

CASE = Case(
    layers=(
        Linear(out_features=3),
        Residual(layers=(Linear(out_features=3), LeakyReLU(negative_slope=0.5))),
        Parallel(branches=((Linear(out_features=1),), (Linear(out_features=2), LeakyReLU())), merge="cat"),
    ),
    in_shape=(2,),
    batch_size=4,
)


EXCERPT = Excerpt(
    C=2,
    rows=40,
    columns=3,
    first_row=3,
    first_column=0,
    parameters=(("0.weight", 2), ("0.bias", 1)),
    actual=((1.0, -2.0, float("nan")), (float("inf"), 0.0, 1.0)),
    expected=((1.0, -1.0, 0.5), (1.0, 0.0, 1.0 + 1e-9)),
    bound=((0.0, 0.0, 1e-9), (1e-9, 1e-9, 1e-8)),
    worst=(0, 2),
)
