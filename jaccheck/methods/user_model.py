"""A user's own network and batch as a `Problem`: inputs and outputs of any form, some of the parameters."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from jaccheck.errors import InvalidModel
from jaccheck.methods.copies import deep_copy
from jaccheck.methods.earlier_passes import depends_on_before
from jaccheck.methods.failures import failure
from jaccheck.methods.inputs import BatchAxis, Inputs, batch_axis_of, read_inputs, split_batch
from jaccheck.methods.outputs import Chosen, Returned, choose_outputs
from jaccheck.methods.own_parameters import check_initialised, check_parameters, with_parameters
from jaccheck.methods.problem import Problem
from jaccheck.methods.row_model import Output, RowModel
from jaccheck.methods.sample_wise import check_modules, check_samples
from jaccheck.methods.unregistered import unregistered

NOT_USED = "they are not used, since outputs are differentiated, and no loss is given"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What of a model is asked for, where it is not everything.

    `output` is the name or number of an output, `parameters` are patterns of names, `batch_axis` is the axis along
    which the samples lie in the inputs, of all or by number or keyword of an input.
    """

    output: str | int | None = None
    parameters: Sequence[str] | str = ()
    batch_axis: BatchAxis = 0

    def patterns(self) -> tuple[str, ...]:
        """Those of names of parameters. Raises InvalidModel for what is no text."""
        given = self.parameters
        patterns = (given,) if isinstance(given, str) else given if isinstance(given, Sequence) else (given,)
        for each in patterns:
            if not isinstance(each, str):
                raise InvalidModel(f"parameters holds {each!r}, expected patterns of names, as in ('head.*',)")
        return tuple(patterns)


@contextmanager
def gradients_on() -> Iterator[None]:
    """Gradients are computed while it is entered, whatever a user has switched off."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def choice_of(output: str | None, parameters: Sequence[str], batch_axis: Sequence[str]) -> Choice:
    """The choice as typed. Raises InvalidModel for an axis that is none."""
    return Choice(output=output, parameters=tuple(parameters), batch_axis=batch_axis_of(batch_axis))


def problem_of(model: nn.Module, X: Any, choice: Choice | None = None) -> Problem:
    """The problem of a model and a batch: a tensor `[N, ...]`, a tuple or list of inputs, or a dict of keywords.

    Every output with a row for each sample counts, flattened and joined to `[N, C]`, or the one that is chosen. The
    model is looked at and run on a copy: whether its outputs are those of each sample alone, and what C is. Raises
    InvalidModel for what has no batched Jacobian.
    """
    choice = choice or Choice()
    known = torch.get_rng_state()
    try:
        with gradients_on(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _problem_of(model, X, choice)
    finally:
        torch.set_rng_state(known)


def _problem_of(model: nn.Module, X: Any, choice: Choice) -> Problem:
    _check_model(model)
    X, targets, said = split_batch(model, X)
    inputs = read_inputs(X, choice.batch_axis)
    model = _away_from_inference(model)
    own = with_parameters(model, choice.patterns())
    check_parameters(own)
    _check_devices(own, inputs)
    check_modules(model)
    try:
        chosen = _chosen(own, inputs, choice)
    except InvalidModel:
        if reason := depends_on_before(own, inputs.run, inputs.N):
            raise InvalidModel(reason) from None
        raise
    # The model itself, since a copy can be one that computes with what it was copied from.
    check_samples(_arranged(model, inputs, chosen))
    problem = _arranged(own, inputs, chosen)
    said = f"{said}; {NOT_USED}" if targets is not None else said
    kinds = (f"{kind} is taken for a plain tensor of the same numbers" for kind in inputs.subclasses)
    problem.notes = (*filter(None, [said]), *kinds, *chosen.notes, *unregistered(problem))
    return problem


def _check_model(model: object) -> None:
    if isinstance(model, type) and issubclass(model, nn.Module):
        raise InvalidModel(f"model is the class {model.__name__}, expected an object: {model.__name__}(...)")
    if not isinstance(model, nn.Module):
        instead = "; wrap the function in a module" if callable(model) else ""
        raise InvalidModel(f"model is {type(model).__name__}, expected a torch.nn.Module{instead}")
    check_initialised(model)


def _away_from_inference(model: nn.Module) -> nn.Module:
    """The model, or a copy where it was made under `torch.inference_mode`, which autograd does not follow."""
    tensors = (*model.parameters(), *model.buffers())
    return deep_copy(model) if any(tensor.is_inference() for tensor in tensors) else model


def _check_devices(model: nn.Module, inputs: Inputs) -> None:
    places = sorted({str(tensor.device) for tensor in (*model.parameters(), *inputs.tensors)})
    if len(places) > 1 or places == ["meta"]:
        raise InvalidModel(f"the model and X are on {' and '.join(places)}, expected one device that computes")


def _chosen(model: nn.Module, inputs: Inputs, choice: Choice) -> Chosen:
    """The outputs asked for, from runs of copies on the batch and on its first sample."""
    samples = list(range(inputs.N)) if inputs.N > 1 else [0] * (2 * inputs.N)
    many = _run(model, inputs, samples, f"does not run on {inputs.shapes}")
    if not inputs.N:
        return _chosen_of_none(many, inputs, choice)
    one = _run(model, inputs, [0], "does not run on sample 0 alone")
    axis = choice.batch_axis
    axes = {0, *(axis.values() if not isinstance(axis, int) else [axis])}
    return choose_outputs(Returned(len(samples), many, one), choice.output, axes)


def _chosen_of_none(found: Any, inputs: Inputs, choice: Choice) -> Chosen:
    """Of an empty batch: one tensor as it comes."""
    is_plain = inputs.plain is not None and choice.output is None
    if not is_plain or not isinstance(found, torch.Tensor) or not found.dim() or len(found):
        raise InvalidModel("X holds no sample: nothing to differentiate")
    return Chosen((Output("", 0),), found.shape[1:].numel(), ())


def _run(model: nn.Module, inputs: Inputs, samples: list[int], fails: str) -> Any:
    try:
        copied = deep_copy(model)
    except Exception as error:
        raise InvalidModel(f"the model cannot be copied with copy.deepcopy: {failure(error)}") from error
    try:
        return inputs.run(copied, samples)
    except (Exception, SystemExit) as error:
        raise InvalidModel(f"the model {fails}: {failure(error)}") from error


def _arranged(model: nn.Module, inputs: Inputs, chosen: Chosen) -> Problem:
    """The problem; with an adapter only where inputs or outputs have another form than methods know."""
    is_rows = chosen.outputs == (Output("", 0),)
    if inputs.plain is not None:
        return Problem(model if is_rows else RowModel(model, chosen.outputs), inputs.plain, chosen.C)
    adapter = RowModel(model, chosen.outputs, call=inputs.call, tensors=inputs.tensors)
    return Problem(adapter, torch.arange(inputs.N, device=inputs.tensors[0].device), chosen.C)


def copy_of(problem: Problem) -> Problem:
    """The same problem in tensors of its own, so that a method may do to it what it likes."""
    with torch.inference_mode(False):
        X = problem.X.detach().clone().requires_grad_(problem.X.requires_grad)
        return Problem(deep_copy(problem.model), X, problem.C)
