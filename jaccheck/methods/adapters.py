"""`Adapter`: a module around a user's model that methods are given in its place; its parameters keep their names."""

from __future__ import annotations

from torch import Tensor, nn


class Adapter(nn.Module):
    """Holds the model that it stands for as `model`, in the same mode; subclasses say what is computed with it."""

    words = ""
    """What is asked of the model, for people; empty where a method has to say more of it than of the model alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.training = model.training  # of this module alone, since those of a user may be in several modes

    def inner_input(self, X: Tensor) -> Tensor:
        """What the model gets for this input, or the first of what it gets."""
        return X


def own_names(model: nn.Module, found: dict[str, Tensor]) -> dict[str, Tensor]:
    """What was found for a model that may be an adapter, under the names of the parameters of the user's model."""
    inside = prefix(model)
    return {name.removeprefix(inside): jacobian for name, jacobian in found.items()} if inside else found


def own_model(model: nn.Module) -> nn.Module:
    """The user's model, inside all adapters around it."""
    return own_model(model.model) if isinstance(model, Adapter) else model


def prefix(model: nn.Module) -> str:
    """What stands before the names of the user's model's parameters, "model." for each adapter around it."""
    return f"model.{prefix(model.model)}" if isinstance(model, Adapter) else ""
