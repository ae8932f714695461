"""The ways in which a network is used, as data: what is run before, in and after the forward pass."""

from __future__ import annotations

from jaccheck.sequences.uses.odd_ways import ODD_WAYS
from jaccheck.sequences.uses.way import Way

__all__ = ["WAYS", "Way"]

WAYS: tuple[Way, ...] = (
    Way(name="plain"),
    Way(name="keyword of the container", forward=("value{n} = loss{n}({m}(input=X{n}), y{n})",)),
    Way(
        name="keyword of a layer",
        forward=("value{n} = loss{n}({m}[-1](input={m}[:-1](X{n})), y{n})",),
        issue="keyword-arguments",
    ),
    Way(
        name="keyword of a layer that was called before",
        around=("{m}(X{n}.flip(0))",),
        forward=("value{n} = loss{n}({m}[-1](input={m}[:-1](X{n})), y{n})",),
        issue="keyword-arguments",
    ),
    Way(
        name="two losses of one output",
        forward=("f{n} = {m}(X{n})", "value{n} = loss{n}(f{n}, y{n}) + other{n}(f{n}, z{n})"),
        issue="second-order-sums-of-losses",
        orders="second",
        needs_rows=True,
    ),
    Way(
        name="two heads",
        before=(
            "head{n} = extend({last})",
            "head{n}.load_state_dict({{k: v.flip(0) for k, v in {m}[-1].state_dict().items()}})",
        ),
        forward=("h{n} = {m}[:-1](X{n})", "value{n} = loss{n}({m}[-1](h{n}), y{n}) + other{n}(head{n}(h{n}), z{n})"),
        issue="second-order-sums-of-losses",
        orders="second",
        needs_rows=True,
    ),
    Way(
        name="functional_call",
        before=("copies{n} = {{k: (2 * p).detach().requires_grad_() for k, p in {m}.named_parameters()}}",),
        forward=("value{n} = loss{n}(functional_call({m}, copies{n}, (X{n},)), y{n})",),
        leaf="copies{n}['{name}']",
        issue="functional-call",
    ),
    Way(
        name="checkpoint",
        forward=(
            "h{n} = checkpoint({m}[:{cut}], X{n}, use_reentrant=False)",
            "value{n} = loss{n}({m}[{cut}:](h{n}), y{n})",
        ),
        issue="checkpoint-in-second-order",
        orders="second",
    ),
    Way(
        name="checkpoint, reentrant",
        forward=(
            "h{n} = checkpoint({m}[{cut}:], {m}[:{cut}](X{n}), use_reentrant=True)",
            "value{n} = loss{n}(h{n}, y{n})",
        ),
        issue="checkpoint-in-second-order",
        orders="second",
    ),
    Way(
        name="no_grad inside",
        forward=(
            "with torch.no_grad():",
            "    h{n} = {m}[:{cut}](X{n})",
            "value{n} = loss{n}({m}[{cut}:](h{n}), y{n})",
        ),
    ),
    Way(
        name="inference_mode inside",
        forward=(
            "with torch.inference_mode():",
            "    h{n} = {m}[:{cut}](X{n})",
            "value{n} = loss{n}({m}[{cut}:](h{n}.clone()), y{n})",
        ),
    ),
    Way(
        name="detached inside",
        forward=("value{n} = loss{n}({m}[{cut}:]({m}[:{cut}](X{n}).detach()), y{n})",),
    ),
    Way(
        name="hook that changes the output",
        before=("handle{n} = {first}.register_forward_hook(lambda module, inputs, output: 2 * output)",),
        undo=("handle{n}.remove()",),
        issue="hook-changes-output",
    ),
    Way(
        name="hook that changes the input",
        before=("handle{n} = {m}[-1].register_forward_pre_hook(lambda module, inputs: (2 * inputs[0],))",),
        undo=("handle{n}.remove()",),
        is_modular=False,
    ),
    Way(
        name="hook that changes the gradient",
        before=("handle{n} = {m}[-1].register_full_backward_pre_hook(lambda module, g: (4 * g[0],))",),
        undo=("handle{n}.remove()",),
        is_modular=False,
    ),
    Way(
        name="evaluation mode before backward",
        around=("{m}.train()",),
        between=("{m}.eval()",),
        needs="Dropout",
        issue="mode-changed-before-backward",
        orders="second",
    ),
    Way(
        name="training mode before backward",
        around=("{m}.eval()",),
        between=("{m}.train()",),
        needs="Dropout",
        issue="mode-changed-before-backward",
        orders="second",
    ),
    Way(
        name="training mode before backward, with statistics",
        around=("{m}.eval()",),
        between=("{m}.train()",),
        needs="BatchNorm",
        issue="mode-changed-before-backward",
    ),
    Way(
        name="weights written to through .data",
        written=("{m}[-1].weight.data = 3 * {m}[-1].weight.data",),
        issue="data-written-before-backward",
        orders="second",
    ),
    Way(name="weights multiplied through .data", written=("{m}[-1].weight.data.mul_(3)",)),
    Way(name="weights copied to through .data", written=("{m}[-1].weight.data.copy_({m}[-1].weight.flip(0) - 1)",)),
    Way(name="set_ on .data", written=("{m}[-1].weight.data.set_(3 * {m}[-1].weight.data)",)),
    Way(
        name="each sample's loss, and their sum",
        around=("each{n} = extend(nn.MSELoss(reduction='none'))",),
        forward=("value{n} = each{n}({m}(X{n}), z{n}).sum()",),
        needs_rows=True,
    ),
    Way(
        name="another batch before backward",
        between=("{m}(X{n}.flip(0))",),
        issue="forward-before-backward",
    ),
    Way(name="a parameter frozen", before=("{p}.requires_grad_(False)",), undo=("{p}.requires_grad_()",)),
    Way(
        name="hooks taken off, and extended again",
        around=("CTX.remove_hooks()", "extend({m})", "extend(loss{n})", "extend(other{n})"),
        issue="extend-after-remove-hooks",
    ),
    Way(name="a context inside another", context="nested", issue="inner-context-replaces-outer"),
    Way(name="a context inside another, left", context="nested before"),
    Way(name="two losses in one context", context="two losses", needs_rows=True),
    Way(
        name="a thread with a model and a context of its own",
        context="beside a thread",
        issue="contexts-are-shared-by-threads",
    ),
    Way(
        name="two threads, each with a pass of its own",
        around=("theirs{n} = extend(nn.Linear(2, 1, bias=False))",),
        context="two threads",
        after=("assert hasattr(theirs{n}.weight, 'batch_l2') and len(vars(theirs{n}.weight)) == 1, 'theirs'",),
        issue="contexts-are-shared-by-threads",
    ),
    *ODD_WAYS,
)
