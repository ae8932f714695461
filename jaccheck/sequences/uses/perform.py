"""One whole use: its lines are run, and what comes of them is compared. Raises Broken."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Literal

import torch

from jaccheck.judging import observe_globals
from jaccheck.sequences.broken import GlobalState, Leftover, Refused, WrongValue
from jaccheck.sequences.checks import differs
from jaccheck.sequences.sequence import Sequence
from jaccheck.sequences.state import FOREIGN, NOTHING, UNKNOWN, Result
from jaccheck.sequences.truth import BY_EXTENSION
from jaccheck.sequences.uses.definition import Derivatives
from jaccheck.sequences.uses.excused import Known
from jaccheck.sequences.uses.twin import Twin
from jaccheck.sequences.uses.use import LOSSES, Asked, Use

CLOSE = 2.0**-9
"""Of the largest entry: so far a float32 result may be from float64. What goes wrong here is off by far more."""

TIMES = 4
"""As often as much as a run of plain torch in float32 is off, another may be that adds up in another order."""


def perform_use(sequence: Sequence, use: Use) -> None:
    """Runs it, compares, and takes away what it made."""
    session = sequence.session
    before, state = set(session.names), torch.get_rng_state()
    try:
        _perform(sequence, use)
    finally:
        torch.set_rng_state(state)
    _put_right(sequence, use)
    # Python's own names among them, as the one that it keeps warnings under, are no names of the script.
    made = sorted(name for name in set(session.names) - before if not name.startswith("__"))
    if made:
        session.run(f"del {', '.join(made)}")
    sequence.globals = observe_globals("cpu")


def _perform(sequence: Sequence, use: Use) -> None:
    session, net, way = sequence.session, use.net, use.way
    earlier = {key for key, result in net.results.items() if isinstance(result, Result)}
    if way.context == "hook that writes":  # earlier results are taken away first
        net.results |= {key: UNKNOWN for key in net.results if key[1] == "grad_batch"}
    net.has_differentiable_results |= any("create_graph" in line for line in way.forward)
    session.run(*use.data())
    if way.around:
        session.run(*use.filled(way.around))
    twin = Twin(use, session)
    single = Twin(use, session, torch.float32) if twin.is_joint else None
    if way.before:
        session.run(*use.filled(way.before))
    wants = any(each.quantity.savefield.startswith("diag_h") for each in use.asked)
    expected = twin.expected(wants_hessian=wants)
    if single is not None:
        rounding = single.rounding(expected)
        expected = {name: replace(of, rounding=rounding[name]) for name, of in expected.items()}
    if not way.is_run_inside:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Using a target size")  # torch asks whether broadcasting is meant
            session.run(*use.forward())
    if way.written:
        session.run(*use.filled(way.written))
    if way.between:
        session.run(*use.filled(way.between))
    drawn = torch.get_rng_state()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        failed = session.attempt(*use.backward()) or (session.attempt(*use.filled(way.after)) if way.after else "")
    known = Known(use, twin)
    if failed:
        _after_exception(sequence, use, known, failed)
        return
    may_draw = use.rich.has("AvgPool") or way.is_run_inside
    if not may_draw and not torch.equal(drawn, torch.get_rng_state()):
        raise GlobalState("the backward pass draws random numbers", 'raise AssertionError("random numbers")')
    said = [str(each.message) for each in caught if "does not have an extension" in str(each.message)]
    _compare_gradients(sequence, use, expected, known)
    for asked in use.asked:
        for name in net.values:
            result = _result(expected.get(name), asked, is_joint=twin.is_joint)
            is_open = (
                (result is None and name in expected)
                or _is_emptied(use, asked)
                or (twin.meets_kink and asked.quantity.savefield.startswith("diag_h"))
            )
            if is_open or any(f"saving to {asked.quantity.savefield} " in text for text in said):
                net.results[name, asked.quantity.savefield] = UNKNOWN
            else:
                _compare(sequence, use, name, asked, result, known, earlier)
    known.tell(sequence)
    net.stored = [frozenset((FOREIGN, None))] * net.shape.modules
    if way.name == "plain" and net.trainable == set(net.values):
        net.stored = [NOTHING] * net.shape.modules


def _result(of: Derivatives | None, asked: Asked, *, is_joint: bool) -> Result | None:
    """What must be there; None for nothing, or where no definition says."""
    if of is None or not of.defines(asked.quantity.savefield):
        return None
    field = asked.quantity.savefield
    if is_joint:
        # Rows mean nothing then, but still add up to the gradient.
        if field != "grad_batch" or asked.rows is not None:
            return None
        return _total(of, view="sum")
    values = of.quantity(field, None if asked.rows is None else list(asked.rows))
    terms = float((of.gradients**2).max()) if field == "variance" else 0.0
    return Result(values, "float32", closeness=CLOSE, terms=terms, view="gram" if field == "sqrt_ggn_exact" else "")


def _compare(
    sequence: Sequence,
    use: Use,
    name: str,
    asked: Asked,
    result: Result | None,
    known: Known,
    earlier: set[tuple[str, str]],
) -> None:
    net, key = use.net, (name, asked.quantity.savefield)
    source = f"{use.leaf(name)}.{key[1]}"
    found = vars(sequence.session[use.leaf(name)]).get(key[1])
    own = vars(sequence.session[net.parameter(name)]).get(key[1])
    sequence.tally.compared += 1
    if result is None:
        if key in earlier:
            sequence.tally.meet("old-result-stays", is_wrong=own is not None)
        elif own is not None and key not in net.results and not known.see(asked):
            raise Leftover(f"{source} is there", f"assert not hasattr({use.leaf(name)}, '{key[1]}')")
        net.results[key] = UNKNOWN
    elif differs(found, result):
        if not known.see(asked):
            expected = None if result.values is None else result.values.tolist()
            shown = None if found is None else found.tolist()
            raise WrongValue(f"{use.way.name}: {source} is {shown}, expected {expected}", *result.assertion(source))
        net.results[key] = UNKNOWN
    else:
        _check_rows(sequence, use, source, found, key)
        net.results[key] = UNKNOWN if use.way.leaf else result


def _check_rows(sequence: Sequence, use: Use, source: str, found: torch.Tensor, key: tuple[str, str]) -> None:
    """That no two entries of a result are one place in memory: writing to one sample's row must leave the others."""
    is_shared = any(stride == 0 and size > 1 for stride, size in zip(found.stride(), found.shape, strict=True))
    is_last_bias = key[0] == list(use.net.values)[-1] and use.way.name == "plain"
    if key[1] == "sqrt_ggn_exact" and is_last_bias and found.shape[1] > 1 and LOSSES[use.loss].startswith("nn.MSELoss"):
        sequence.tally.meet("rows-share-memory", is_wrong=is_shared)
    elif is_shared and key[1] != "sqrt_ggn_exact":
        raise WrongValue(f"{source} has rows that are one place in memory", f"assert 0 not in {source}.stride()")


def _is_emptied(use: Use, asked: Asked) -> bool:
    """Whether the user's own hook wrote to the results."""
    return use.way.context == "hook that writes" and asked.quantity.savefield == "grad_batch"


def _compare_gradients(sequence: Sequence, use: Use, expected: dict[str, Derivatives], known: Known) -> None:
    """The gradients that backward() itself gives."""
    net = use.net
    for name in net.values:
        of = expected.get(name)
        total = None if of is None else _total(of)
        found = sequence.session[use.leaf(name)].grad
        is_wrong = (found is not None) if total is None else differs(found, total)
        is_zero = (found is None or not found.any()) and (of is None or not of.gradients.any())
        if is_wrong and is_zero and use.way.context == "forward inside":  # of a gradient's gradient there may be none
            net.gradients[name] = UNKNOWN
            continue
        if is_wrong and not known.see_one("grad-batch-is-the-gradient"):
            shown = None if found is None else found.tolist()
            ending = total.assertion(f"{use.leaf(name)}.grad") if total else (f"assert {use.leaf(name)}.grad is None",)
            raise WrongValue(f"{use.way.name}: {use.leaf(name)}.grad is {shown}", *ending)
        net.gradients[name] = UNKNOWN if is_wrong else None if use.way.leaf else total


def _total(of: Derivatives, view: Literal["", "sum"] = "") -> Result:
    """The gradient of all samples; where torch's own rounding was measured, it may be off by some times as much."""
    terms = TIMES * of.rounding / CLOSE
    return Result(of.gradients.sum(0).numpy(), "float32", closeness=CLOSE, terms=terms, view=view)


def _after_exception(sequence: Sequence, use: Use, known: Known, failed: str) -> None:
    net = use.net
    is_foreign = use.rich.kind == "series" and any("Hessian" in each.quantity.extension for each in use.asked)
    is_told = "NotImplementedError" in failed or "ValueError: Output must be scalar" in failed
    is_noticed = use.way.is_noticed and "modified by an inplace operation" in failed
    if is_noticed:
        sequence.tally.refused["torch notices what was written"] += 1
    elif is_told or is_foreign:  # DiagHessian knows no recurrent layer
        sequence.tally.refused["BackPACK says that it does not support it"] += 1
    elif known.see_all():
        known.tell(sequence)
    else:
        del sequence.session.lines[-1]
        raise Refused(f"{use.way.name}: {failed}", *use.backward())
    for name in net.values:
        net.gradients[name] = UNKNOWN
        for asked in use.asked:
            net.results[name, asked.quantity.savefield] = UNKNOWN
    net.stored = [frozenset((FOREIGN, None))] * net.shape.modules


def _put_right(sequence: Sequence, use: Use) -> None:
    """Undoes what the way did to the network, and to others."""
    session, net, way = sequence.session, use.net, use.way
    # What they still store would keep the network alive: never-freed.
    for made in ("loss", "other", "head", "each", "both", "theirs"):
        if f"{made}{use.number}" in session.names:
            session.run(f"{made}{use.number}.apply(memory_cleanup)")
    if way.undo:
        session.run(*use.filled(way.undo))
    if way.written or way.is_noticed:
        session.run(use.rich.load(net.name, net.values))
    if session[f"{net.name}.training"] != net.is_training:
        session.run(f"{net.name}.train({net.is_training})")
    if way.context in ("beside a thread", "two threads"):
        for name in net.values:
            net.results[name, BY_EXTENSION["BatchL2Grad"].savefield] = UNKNOWN
    if any("remove_hooks" in line for line in way.around):
        extended = [each.name for each in sequence.nets if each.is_extended] + [each.name for each in sequence.losses]
        for name in extended:
            session.run(
                f"for module in {name}.modules():",
                "    if not module._forward_hooks:",
                "        vars(module).pop('_backpack_extend', None)",
                f"extend({name})",
            )
