"""Trainable tensors that a model computes with and that are no parameters of it: layers in a list, global weights.

Nobody differentiates by them, and an optimizer does not see them either; most often that was not meant.
"""

from __future__ import annotations

from torch import Tensor, nn

from jaccheck.core import plural
from jaccheck.methods.copies import deep_copy, leaves_of, named, run
from jaccheck.methods.module_state import walk
from jaccheck.methods.problem import Problem
from jaccheck.methods.row_model import RowModel

HELPS = "hold layers in an nn.ModuleList or nn.ModuleDict, and tensors in an nn.Parameter"


def unregistered(problem: Problem) -> tuple[str, ...]:
    """A note where the graph of the output ends in trainable tensors that are no parameters of the model.

    What a forward pass makes itself, as an input that it differentiates by, is another tensor in a second pass.
    """
    if not problem.N:
        return ()
    model = deep_copy(problem.model)
    passes = [{id(leaf): leaf for leaf in leaves_of(run(model, problem.X[:1]))} for _ in range(2)]
    known = {id(p) for p in model.parameters()}
    if isinstance(model, RowModel):
        known |= {id(given) for given in model.buffers(recurse=False)}
    found = {key: leaf for key, leaf in passes[0].items() if key in passes[1] and key not in known}
    if not found:
        return ()
    names = {id(value): problem.told(name) for name, value in walk(model)}
    told = [named(held)] if (held := [name for key, name in names.items() if key in found]) else []
    if elsewhere := [tuple(leaf.shape) for key, leaf in found.items() if key not in names]:
        shapes = named(sorted({str(shape) for shape in elsewhere}))
        told.append(f"{plural(len(elsewhere), 'trainable tensor')} of shape {shapes} that the model does not hold")
    verb = "are" if len(found) > 1 else "is"
    count = "parameters" if len(found) > 1 else "parameter"
    return (f"the output depends on {' and on '.join(told)}, which {verb} no {count} of the model; {HELPS}",)


def held_in_vain(model: nn.Module) -> str:
    """The names of trainable tensors that the model holds and that are no parameters of it; empty where none is."""
    known = {id(p) for p in model.parameters()}
    tensors = [(name, each) for name, each in walk(model) if isinstance(each, Tensor) and id(each) not in known]
    return named([name for name, tensor in tensors if tensor.is_leaf and tensor.requires_grad])
