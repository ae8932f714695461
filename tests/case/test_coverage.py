"""Every layer that BackPACK has a rule for can stand in a case, or is named here with the reason why not."""

from __future__ import annotations

import torch
from backpack.extensions import BatchGrad, SqrtGGNExact

from jaccheck.case import matrix_rows
from jaccheck.methods import build
from jaccheck.methods import containers as networks
from jaccheck.methods.backpack_modules import with_modules

NOT_YET = {
    "MSELoss": "the methods end in it",
    "CrossEntropyLoss": "no Jacobian can be read from its factor alone",
    "BCEWithLogitsLoss": "no Jacobian can be read from its factor alone",
}


def test_every_layer_of_backpack_is_covered_or_named() -> None:
    """A new release's layer shows up here."""
    ruled = {
        kind.__name__
        for extension in (BatchGrad, SqrtGGNExact)
        for kind in vars(extension())["_BackpropExtension__module_extensions"]
    }
    models = [build(row.case).model for row in matrix_rows("float32")]
    covered = {type(each).__name__ for model in (*models, *map(with_modules, models)) for each in model.modules()}
    assert ruled - covered == NOT_YET.keys() & ruled
    assert not NOT_YET.keys() & covered


def test_every_covered_name_is_a_module() -> None:
    """What a case names exists in torch or in `jaccheck.methods.containers`."""
    for row in matrix_rows("float32"):
        for place in row.case.places():
            name = place.layer.torch_name
            assert hasattr(torch.nn, name) or hasattr(networks, name)
