"""Backward passes: what is run, what must come of it, and what BackPACK documents or is known to do instead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from textwrap import indent
from typing import Literal

from jaccheck.sequences.broken import Refused, WrongValue
from jaccheck.sequences.checks import differs, is_equal
from jaccheck.sequences.sequence import Sequence
from jaccheck.sequences.state import UNKNOWN, Extension, Graph, Net, Result, Unknown
from jaccheck.sequences.truth import BY_EXTENSION, smallest_part

Via = Literal["backward", "inputs", "grad"]
"""`loss.backward()`, `loss.backward(inputs=…)` or `torch.autograd.grad(loss, …)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """A backward pass over `graph`: in a `with backpack(…)` of its own, or in whatever context is open.

    `retain_graph` is torch's, `retains` BackPACK's. `wanted` are the parameters that are asked for, if not all.
    `fails_at` is a module whose `extension_hook` raises. `where` is "here"; "in a thread"; or "beside a thread", one
    that has a context of BatchGrad open, which should be none of this pass's business.
    """

    graph: Graph
    extensions: tuple[Extension, ...] | None = None
    retains: bool = False
    retain_graph: bool = False
    via: Via = "backward"
    wanted: frozenset[str] = frozenset()
    fails_at: int | None = None
    where: Literal["here", "in a thread", "beside a thread"] = "here"

    @property
    def asked(self) -> frozenset[str]:
        """The parameters that the pass is towards."""
        return self.graph.trainable if self.via == "backward" else self.wanted

    def reached(self) -> list[int]:
        """The modules whose backward hook runs."""
        return self.graph.reached(self.asked, wants_input=self.via == "backward")

    def lines(self) -> list[str]:
        """The pass as a script writes it."""
        retain = "retain_graph=True" if self.retain_graph else ""
        wanted = ", ".join(self.graph.net.parameter(name) for name in sorted(self.wanted))
        loss = self.graph.variable
        match self.via:
            case "backward":
                call = f"{loss}.backward({retain})"
            case "inputs":
                call = f"{loss}.backward({_listed(retain, f'inputs=[{wanted}]')})"
            case "grad":
                call = f"gradients = torch.autograd.grad({_listed(loss, f'[{wanted}]', retain)})"
        lines = [call]
        if self.extensions is not None:
            options = [each.source for each in self.extensions]
            options += ["retain_graph=True"] * self.retains + ["extension_hook=stop"] * (self.fails_at is not None)
            lines = [f"with backpack({', '.join(options)}):", indent(call, "    ")]
        if self.fails_at is not None:
            stop = ["def stop(module):", f"    if module is {self.graph.net.path_of(self.fails_at)}:"]
            lines = [*stop, '        raise ValueError("stopped")', *lines]
        if self.where == "in a thread":
            work = ["def work():", *(indent(line, "    ") for line in lines)]
            return [*work, "thread = threading.Thread(target=work)", "thread.start()", "thread.join()"]
        if self.where == "beside a thread":
            return [
                *BESIDE,
                *(indent(line, "    ") for line in lines),
                "finally:",
                "    done.set()",
                "    thread.join()",
            ]
        return lines


BESIDE = (
    "ready, done = threading.Event(), threading.Event()",
    "def other():",
    "    with backpack(BatchGrad()):",
    "        ready.set()",
    "        done.wait()",
    "thread = threading.Thread(target=other)",
    "thread.start()",
    "ready.wait()",
    "try:",
)


def _listed(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def perform(sequence: Sequence, asked: Pass) -> None:
    """Runs the pass, and says what is true after it. Raises Broken."""
    graph = asked.graph
    opened = sequence.opened()
    if asked.extensions is None:
        own, retains, around = sequence.innermost(), sequence.retains(), opened[:-1]
    else:
        own, retains, around = asked.extensions, asked.retains, opened
    extensions = own
    if asked.where == "beside a thread":
        extensions = (Extension(BY_EXTENSION["BatchGrad"]),)
    outer = tuple(each for context in around for each in context.extensions)
    known = known_issue(asked, extensions)
    refusal = documented_refusal(asked, (*extensions, *outer))
    failed = sequence.session.attempt(*asked.lines())
    if failed:
        if not refusal and not known_issue(asked, (*extensions, *outer)):
            del sequence.session.lines[-1]
            raise Refused(f"{graph.variable}: {failed}", *asked.lines())
        sequence.tally.refused[refusal or known] += 1
        _after_exception(asked, (*extensions, *outer))
    else:
        if asked.via == "grad":
            _check_returned(sequence, asked)
        _after(sequence, asked, extensions, known, retains=retains)
        _after_outer(sequence, asked, extensions, outer, known)
        if not retains and any(each.retains for each in around):
            _may_be_cleaned(graph)
    graph.is_freed |= not asked.retain_graph
    for each in extensions:
        each.is_dirty |= bool(failed) or _leaves_quantities(asked, each)


def known_issue(asked: Pass, extensions: tuple[Extension, ...]) -> str:
    """The id of the known issue whose condition this pass meets; empty for none."""
    if asked.where == "beside a thread":
        return "contexts-are-shared-by-threads"
    stored = _needed(asked, extensions)
    if any(number not in (None, asked.graph.number) for each in stored for number in each):
        return "forward-before-backward"
    if any(each.is_dirty and each.quantity.is_second_order for each in extensions):
        return "reused-extension"
    return ""


def documented_refusal(asked: Pass, extensions: tuple[Extension, ...]) -> str:
    """Why an exception is in order: a documented limit, of BackPACK or of torch; empty where none is."""
    graph = asked.graph
    if asked.fails_at is not None and asked.fails_at in asked.reached() and graph.is_hooked:
        return "the hook raises"
    if graph.is_freed:
        return "the graph was freed"
    if graph.is_touched:
        return "parameters were written to after the forward pass"
    if any(each.quantity.is_second_order for each in extensions) and graph.loss is None and graph.is_hooked:
        return "second-order extensions need an extended loss"
    if any(None in each for each in _needed(asked, extensions)):
        return "inputs and outputs are no longer stored"
    return ""


def _needed(asked: Pass, extensions: tuple[Extension, ...]) -> list[frozenset[int | None]]:
    """What is stored on each module that the extensions read from in this pass."""
    graph = asked.graph
    if not extensions:
        return []
    is_second = any(each.quantity.is_second_order for each in extensions)
    modules = [m for m in asked.reached() if graph.is_hooked and (is_second or m % 2 == 0)]
    found = [graph.net.stored[module] for module in modules]
    return [*found, graph.loss.stored] if is_second and graph.loss else found


def _leaves_quantities(asked: Pass, extension: Extension) -> bool:
    """Whether the pass leaves something in the extension object: for an input that no reached module has put out."""
    if not extension.quantity.is_second_order or asked.graph.loss is None:
        return False
    if not asked.graph.is_hooked or asked.graph.input_requires_grad:
        return True
    own = asked.graph.trainable
    lowest = min((int(name.partition(".")[0]) for name in own), default=0)
    return lowest not in asked.reached()


def _after_exception(asked: Pass, extensions: tuple[Extension, ...]) -> None:
    """In the middle of a pass: what it would have changed may be changed."""
    graph, net = asked.graph, asked.graph.net
    if asked.via != "grad":
        for name in asked.asked:
            net.gradients[name] = UNKNOWN
    if graph.loss is not None:
        graph.loss.stored |= {None}
    if not graph.is_hooked:
        return
    for module in asked.reached():
        net.stored[module] |= {None}
        for name in _parameters_of(net, module):
            for each in extensions:
                net.results[name, each.quantity.savefield] = UNKNOWN


def _after(sequence: Sequence, asked: Pass, extensions: tuple[Extension, ...], known: str, *, retains: bool) -> None:
    """Gradients, results and what is stored, after a pass that went through."""
    graph, net = asked.graph, asked.graph.net
    if asked.via != "grad":
        for name in asked.asked & net.trainable:
            net.gradients[name] = accumulated(net.gradients[name], graph, name)
    reached = asked.reached() if graph.is_hooked else []
    for module in range(net.shape.modules):
        for name in sorted(_parameters_of(net, module)):
            for each in extensions:
                if module in reached and name in net.trainable:
                    _expect(sequence, graph, name, each, known)
                elif graph.is_hooked and name in asked.asked & net.trainable:
                    _expect_nothing(sequence, graph, name, each)
                elif name not in graph.trainable & net.trainable or not graph.is_hooked:
                    _expect_no_old_result(sequence, net, name, each)
    if graph.is_hooked:
        _after_storage(sequence, asked, reached, retains=retains)
    if graph.loss is not None and not retains:
        graph.loss.stored = frozenset((None,))


def _after_outer(
    sequence: Sequence, asked: Pass, own: tuple[Extension, ...], outer: tuple[Extension, ...], known: str
) -> None:
    """Results of the extensions of contexts around the innermost: this pass is inside them, too."""
    graph, net = asked.graph, asked.graph.net
    fields = {each.quantity.savefield for each in own}
    for each in outer:
        if each.quantity.savefield in fields:
            continue
        for name in sorted(net.values):
            key = (name, each.quantity.savefield)
            found = sequence.session[f"vars({net.parameter(name)})"].get(key[1])
            result = Result(graph.truth.result(name, each.quantity), graph.dtype)
            module = int(name.partition(".")[0])
            is_due = name in asked.asked & net.trainable and graph.is_hooked and module in asked.reached()
            if is_due and not known and result.values is not None:
                sequence.tally.meet("inner-context-replaces-outer", is_wrong=differs(found, result))
            if found is not None and not is_equal(found, result):
                net.results[key] = UNKNOWN
            elif is_due and found is not None:
                net.results[key] = result


def _may_be_cleaned(graph: Graph) -> None:
    """Where contexts around and inside differ on whether to retain, nothing says which of the two counts."""
    graph.net.stored = [each | {graph.number, None} for each in graph.net.stored]
    if graph.loss is not None:
        graph.loss.stored |= {graph.number, None}


def _expect(sequence: Sequence, graph: Graph, name: str, extension: Extension, known: str) -> None:
    """The result of an extension on a parameter of a module that was reached."""
    net, field = graph.net, extension.quantity.savefield
    result = Result(graph.truth.result(name, extension.quantity), graph.dtype)
    if known:
        found = sequence.session[f"vars({net.parameter(name)})"].get(field)
        if known != "contexts-are-shared-by-threads":
            sequence.tally.meet(known, is_wrong=differs(found, result))
        elif (name, field) not in net.results:
            sequence.tally.meet(known, is_wrong=found is not None)
        net.results[name, field] = UNKNOWN
    elif name in graph.trainable:
        net.results[name, field] = result
    else:  # It was frozen in the forward pass: autograd gives it nothing, and BackPACK may or may not.
        net.results[name, field] = replace(result, may_be_missing=True)
        if field not in sequence.session[f"vars({net.parameter(name)})"]:
            del net.results[name, field]


def _expect_nothing(sequence: Sequence, graph: Graph, name: str, extension: Extension) -> None:
    """No result on a parameter that was asked for: a known issue, unless it is there and right."""
    net, field = graph.net, extension.quantity.savefield
    result = Result(graph.truth.result(name, extension.quantity), graph.dtype)
    found = sequence.session[f"vars({net.parameter(name)})"].get(field)
    is_there = is_equal(found, result)
    sequence.tally.meet("inputs-of-backward", is_wrong=not is_there)
    if is_there:
        net.results[name, field] = result


def _expect_no_old_result(sequence: Sequence, net: Net, name: str, extension: Extension) -> None:
    """No result on a parameter that took no part in the pass: an earlier one would be read as that of this pass."""
    key = (name, extension.quantity.savefield)
    if isinstance(net.results.get(key), Result):
        is_left = key[1] in sequence.session[f"vars({net.parameter(name)})"]
        sequence.tally.meet("old-result-stays", is_wrong=is_left)
        net.results[key] = UNKNOWN


def _after_storage(sequence: Sequence, asked: Pass, reached: list[int], *, retains: bool) -> None:
    """What is stored on each module: nothing where a hook ran, unless it is retained."""
    graph, net = asked.graph, asked.graph.net
    for module in range(net.shape.modules):
        if module in reached:
            if not retains:
                net.stored[module] = frozenset((None,))
        elif not retains and graph.number in net.stored[module]:
            is_left = "output" in sequence.session[f"vars({net.path_of(module)})"]
            sequence.tally.meet("stored-where-no-gradient-comes", is_wrong=is_left)
            if not is_left:
                net.stored[module] = frozenset((None,))


def accumulated(old: Result | Unknown | None, graph: Graph, name: str) -> Result | Unknown:
    """What `p.grad` must be after the gradient of `graph` has been added."""
    new = graph.truth.gradient(name)
    if old is None:
        return Result(new, graph.dtype)
    if not isinstance(old, Result):
        return UNKNOWN
    if old.values is None or new is None:
        return Result(None, graph.dtype)
    total = old.values + new
    is_exact = abs(total).max(initial=0) <= 2.0**graph.truth.bits * min(smallest_part(old.values), smallest_part(new))
    return Result(total if is_exact else None, graph.dtype)


def _check_returned(sequence: Sequence, asked: Pass) -> None:
    """What `torch.autograd.grad` returned."""
    graph = asked.graph
    for position, name in enumerate(sorted(asked.wanted)):
        result = Result(graph.truth.gradient(name), graph.dtype)
        found = sequence.session[f"gradients[{position}]"]
        if differs(found, result):
            raise WrongValue(
                f"gradient by {graph.net.parameter(name)}: {found.tolist()} instead of {result.values}",
                *result.assertion(f"gradients[{position}]"),
            )
    sequence.session.run("del gradients")


def _parameters_of(net: Net, module: int) -> set[str]:
    return {name for name in net.values if int(name.partition(".")[0]) == module}
