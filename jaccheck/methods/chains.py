"""Whether a model of a class of its user's own calls its layers one after the other, as a `Sequential` would."""

from __future__ import annotations

from torch import fx, nn

from jaccheck.methods.copies import deep_copy


def containers(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The modules that hold others and are no `Sequential`, with their paths."""
    named = model.named_modules()
    return [(path, module) for path, module in named if list(module.children()) and type(module) is not nn.Sequential]


def chain_of(model: nn.Module) -> list[tuple[str, nn.Module]] | None:
    """The layers of a model in the order of their calls; None where its forward is not just that, each called once.

    What it does before the first layer with parameters that are trained is its own, since no derivative goes there: it
    may flatten its input, say. The forward of a copy is traced with placeholders, since it may keep what it is given,
    and nothing is computed.
    """
    try:
        graph = fx.Tracer().trace(deep_copy(model))
    except Exception:  # whatever the forward of somebody else raises when it gets a placeholder
        return None
    first, *calls, last = graph.nodes
    if first.op != "placeholder" or last.op != "output":
        return None
    before, found, is_below = first, [], True
    for node in calls:
        is_below = is_below and not _is_trained(model, node)
        if not is_below and (node.op != "call_module" or node.args != (before,) or node.kwargs):
            return None
        if node.op == "call_module":
            found.append((str(node.target), model.get_submodule(str(node.target))))
        before = node
    are_once = len({id(module) for _, module in found}) == len(found)
    return found if last.args == (before,) and are_once else None


def _is_trained(model: nn.Module, node: fx.Node) -> bool:
    """Whether a node calls a module with parameters that are trained, or takes such a parameter itself."""
    match node.op:
        case "call_module":
            return any(p.requires_grad for p in model.get_submodule(str(node.target)).parameters())
        case "get_attr":
            return True
        case _:
            return False
