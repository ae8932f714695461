"""`CaseLoss`: the loss of a case as plain data; such a case asks for the per-sample gradients of its loss."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from jaccheck.case.drawing import composite, st
from jaccheck.core import plain_data
from jaccheck.errors import InvalidCase

LossKind = Literal["MSELoss", "NLLLoss", "CrossEntropyLoss", "BCEWithLogitsLoss"]
"""As torch calls them, the simplest first."""

Reduction = Literal["sum", "mean", "none"]

IGNORED = -100
"""The target that torch ignores where nothing is said."""


@plain_data
class CaseLoss:
    """A loss of torch with its options. Targets and weights are drawn with the numbers of the case.

    `has_weights` are class weights, for BCE those of positive targets; `has_shares` are targets that say which share
    each class has. Where something `is_ignored`, some targets are `ignore_index`, a class or −100, but not
    that of sample 0.
    """

    kind: LossKind = "MSELoss"
    reduction: Reduction = "sum"
    has_weights: bool = False
    is_ignored: bool = False
    ignore_index: Annotated[int, Ge(IGNORED), Le(4096)] = IGNORED
    label_smoothing: Annotated[float, Ge(0), Le(1)] = 0.0
    has_shares: bool = False

    @property
    def label(self) -> str:
        """Its name with what is not plain, as a row of a table is called."""
        smoothing = [f"label_smoothing={self.label_smoothing}"] if self.label_smoothing else []
        ignored = ["ignored targets" if self.ignore_index == IGNORED else f"ignore_index={self.ignore_index}"]
        options = [
            self.reduction,
            *(["weights"] if self.has_weights else []),
            *(ignored if self.is_ignored else []),
            *smoothing,
            *(["shares of classes"] if self.has_shares else []),
        ]
        return f"{self.kind}({', '.join(options)})"

    def __post_init__(self) -> None:
        is_cross_entropy = self.kind == "CrossEntropyLoss"
        if (self.label_smoothing or self.has_shares) and not is_cross_entropy:
            raise InvalidCase(f"loss: {self.kind} has neither label_smoothing nor shares of classes as targets")
        if self.has_weights and self.kind == "MSELoss":
            raise InvalidCase("loss: MSELoss has no weights")
        if (self.is_ignored or self.ignore_index != IGNORED) and (not self.has_classes or self.has_shares):
            raise InvalidCase(f"loss: only targets that are classes can be ignored, and those of {self.kind} are none")
        if self.ignore_index < 0 and self.ignore_index != IGNORED:
            raise InvalidCase(f"loss: ignore_index={self.ignore_index} is neither a class nor {IGNORED}")

    @property
    def has_classes(self) -> bool:
        """Whether it is a loss of classes."""
        return self.kind in ("NLLLoss", "CrossEntropyLoss")

    @property
    def has_numbers(self) -> bool:
        """Whether its targets are floating numbers, one for each output."""
        return self.has_shares or not self.has_classes

    @property
    def weight_name(self) -> str:
        """What torch calls its weights."""
        return "pos_weight" if self.kind == "BCEWithLogitsLoss" else "weight"

    def options(self) -> dict[str, object]:
        """The options of torch's constructor beside weights and reduction, those that are not the default."""
        found: dict[str, object] = {}
        if self.ignore_index != IGNORED:
            found["ignore_index"] = self.ignore_index
        if self.label_smoothing:
            found["label_smoothing"] = self.label_smoothing
        return found

    @property
    def size(self) -> int:
        """What a reader has to take in of it; every simpler loss has less."""
        kinds = ("MSELoss", "NLLLoss", "CrossEntropyLoss", "BCEWithLogitsLoss")
        options = 2 * sum((self.has_weights, self.is_ignored, bool(self.label_smoothing), self.has_shares))
        own_index = self.ignore_index != IGNORED
        return 1 + 12 * kinds.index(self.kind) + options + own_index + ("sum", "mean", "none").index(self.reduction)


def simpler_losses(loss: CaseLoss | None) -> list[CaseLoss | None]:
    """Simpler losses, none first, and the same loss with less said of it."""
    if loss is None:
        return []
    plain: dict[str, Any] = {"has_weights": False, "is_ignored": False, "ignore_index": IGNORED, "label_smoothing": 0.0}
    kinds = ("MSELoss", "NLLLoss", "CrossEntropyLoss")
    tried: list[dict[str, Any]] = [{"kind": kind, "reduction": loss.reduction} for kind in kinds]
    tried += [{name: value} for name, value in plain.items()]
    tried += [{"has_shares": False}, {"is_ignored": False, "ignore_index": IGNORED}]
    tried += [{"reduction": reduction} for reduction in ("sum", "mean")]
    found: list[CaseLoss | None] = [None]
    for changes in tried:
        own = {name: getattr(loss, name) for name in CaseLoss.__dataclass_fields__} if "kind" not in changes else {}
        try:
            simpler = CaseLoss(**{**own, **changes})
        except InvalidCase:
            continue
        if simpler.size < loss.size:
            found.append(simpler)
    return found


@composite
def losses(draw: st.DrawFn, classes: int) -> CaseLoss:
    """A random loss for so many outputs."""
    # Of one class alone the cross-entropy is always zero.
    of_several: list[LossKind] = ["CrossEntropyLoss", "CrossEntropyLoss"] if classes > 1 else []
    kinds: list[LossKind] = ["MSELoss", "NLLLoss", *of_several, "BCEWithLogitsLoss"]
    kind = draw(st.sampled_from(kinds))
    reductions: list[Reduction] = ["sum", "mean", "mean", "none"]
    has_shares = kind == "CrossEntropyLoss" and draw(st.integers(0, 3)) == 3
    is_ignored = kind in ("NLLLoss", "CrossEntropyLoss") and not has_shares and classes > 1 and draw(st.booleans())
    return CaseLoss(
        kind=kind,
        reduction=draw(st.sampled_from(reductions)),
        has_weights=kind != "MSELoss" and draw(st.booleans()),
        is_ignored=is_ignored,
        ignore_index=draw(st.sampled_from([IGNORED, *range(classes)])) if is_ignored else IGNORED,
        label_smoothing=draw(st.sampled_from([0.0, 0.125, 0.1])) if kind == "CrossEntropyLoss" else 0.0,
        has_shares=has_shares,
    )
