"""What a use must give: the same lines, run on a plain copy of the network, one sample at a time in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from jaccheck.sequences.session import Session
from jaccheck.sequences.uses.definition import Derivatives, Sample, derivatives
from jaccheck.sequences.uses.plain import NAMES, Mask
from jaccheck.sequences.uses.use import LOSSES, TWO_TARGETS, Use

KINK = 2.0**-20
"""So near to 0 an input may be on the other side of it in float32."""


class Twin:
    """A copy of a live network that BackPACK has never seen, in a namespace of its own.

    It is made before the forward pass of the live one, and has its numbers, statistics and mode.
    """

    def __init__(self, use: Use, session: Session, dtype: torch.dtype = torch.float64) -> None:
        live = session[use.net.name]
        source = ", ".join(use.rich.layers).replace("nn.Dropout(", "Mask(")
        with torch.random.fork_rng(devices=[]):
            model = eval(f"nn.Sequential({source})", {**NAMES, "Mask": Mask}).to(dtype)
            model.load_state_dict({key: value.clone() for key, value in live.state_dict().items()})
            for name, p in model.named_parameters():
                p.requires_grad_(name in use.net.trainable)
            model.train(live.training)
            self.use, self.model, self.dtype = use, model, dtype
            self.masks = [each for each in model.modules() if isinstance(each, Mask)]
            self.meets_kink = False
            for each in model.modules():
                if isinstance(each, (nn.ELU, nn.SELU)):
                    each.register_forward_hook(self._look_for_kink)
            self.is_joint = live.training and use.rich.has("BatchNorm")
            self.names: dict[str, Any] = {
                **NAMES,
                use.net.name: model,
                "extend": lambda module: module.to(dtype),
                "functional_call": torch.func.functional_call,
                "checkpoint": _unchecked,
            }
            exec("\n".join(use.filled(use.way.before)), self.names)

    def expected(self, *, wants_hessian: bool) -> dict[str, Derivatives]:
        """Of each parameter that takes part. The samples are one where a BatchNorm in training mode joins them."""
        use, N = self.use, len(self.use.X)
        every = list(range(N))
        with torch.random.fork_rng(devices=[]):
            whole = self._forward(every)
            samples = [whole] if self.is_joint else [self._forward([n]) for n in every]
            exec("\n".join(use.filled(use.way.written)), self.names)
            slope, bend = self._function(sum(float(value.detach()) for value, _ in samples))
            own = [(slope * value, sample) for value, sample in samples]
            found = derivatives(self.leaves(), own, wants_hessian=wants_hessian and not self.is_joint)
        if bend:
            found = {name: replace(of, bend=bend / slope**2) for name, of in found.items()}
        return found

    def _function(self, loss: float) -> tuple[float, float]:
        """First and second derivative, at the loss of all samples, of what the loss goes through."""
        way = self.use.way
        if not way.function:
            return way.factor, 0.0
        at = torch.tensor(loss, dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(eval(way.function, NAMES)(at), at, create_graph=True)
        (bend,) = torch.autograd.grad(slope, at)
        return way.factor * float(slope), way.factor * float(bend)

    def rounding(self, exact: dict[str, Derivatives]) -> dict[str, float]:
        """How far this twin, one of float32, is off, of each parameter: by the entry that is off most."""
        found = self.expected(wants_hessian=False)
        return {name: float((found[name].gradients - of.gradients).abs().max()) for name, of in exact.items()}

    def leaves(self) -> dict[str, Tensor]:
        """The tensors that are differentiated by."""
        if self.use.way.leaf:
            leaves = {name: eval(self.use.leaf(name), self.names) for name in self.use.net.values}
        else:
            leaves = dict(self.model.named_parameters())
        return {name: leaf for name, leaf in leaves.items() if leaf.requires_grad}

    @property
    def meets_zero(self) -> bool:
        """Whether Dropout, in training mode, keeps an entry that is exactly zero."""
        return any(mask.meets_zero for mask in self.masks)

    def _look_for_kink(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Whether a second derivative is asked for at 0, where these have none: any between the two sides' is right."""
        self.meets_kink |= bool((inputs[0].abs() < KINK).any())

    def _forward(self, rows: list[int]) -> tuple[Tensor, Sample]:
        use, n = self.use, self.use.number
        sample = Sample()
        for mask in self.masks:
            mask.rows = rows
        X = torch.tensor(use.X[rows]).to(self.dtype)
        y = torch.tensor(use.targets(use.y[rows])).to(self.dtype)
        self.names |= {
            f"X{n}": X.long() if use.rich.kind == "tokens" else X,
            f"y{n}": y.long() if use.has_classes else y,
            f"z{n}": torch.ones(len(rows), use.rich.C, dtype=self.dtype),
            f"loss{n}": lambda f, y: sample.add(f, self._share(y)),
            f"other{n}": lambda f, z: sample.add(f, lambda g: ((g - z) ** 2).sum() / (len(use.X) * use.rich.C)),
            f"both{n}": lambda f, g: sample.add(f - g, lambda d: (d**2).sum() / (len(use.X) * use.rich.C)),
            f"each{n}": lambda f, z: sample.add(f, lambda g: ((g - z) ** 2).sum()),
        }
        exec("\n".join(use.losses()), self.names)
        return self.names[f"value{n}"], sample

    def _share(self, y: Tensor) -> Callable[[Tensor], Tensor]:
        """One sample's part in the reduced loss."""
        use, N = self.use, len(self.use.X)
        if LOSSES[use.loss].startswith("nn.MSELoss"):
            factor = 1 if "sum" in LOSSES[use.loss] else N * use.rich.C * (1 + (use.loss in TWO_TARGETS))
            return lambda f: ((f - y) ** 2).sum() / factor
        own = eval(LOSSES[use.loss], NAMES).to(self.dtype)
        is_mean, own.reduction = own.reduction == "mean", "sum"
        weights = torch.ones(use.rich.C) if own.weight is None else own.weight
        if use.has_classes:
            counting = use.y[(use.y >= 0) & (use.y != own.ignore_index)]
            total = max(1.0, float(weights[counting].sum()))
        else:
            total = float(N)
        return lambda f: own(f, y) / (total if is_mean else 1)


def _unchecked(function: Callable[..., Tensor], *arguments: Any, **options: Any) -> Tensor:
    """In the place of a checkpoint, which computes the same."""
    return function(*arguments)
