"""Ways that a user takes for granted and BackPACK may not: losses scaled, views, weights used outside their layer."""

from __future__ import annotations

from jaccheck.sequences.uses.way import Way

HEAD = (
    "head{n} = extend({last})",
    "head{n}.load_state_dict({{k: v.flip(0) for k, v in {m}[-1].state_dict().items()}})",
)
"""A second last layer, with other numbers."""

ONE = (
    "head{n} = extend(nn.Linear(1, 2))",
    "head{n}.load_state_dict({{'weight': torch.tensor([[1.0], [-2.0]]), 'bias': torch.tensor([0.5, 1.0])}})",
)
"""A last layer that takes one feature."""

MODULES = "for module in {m}.modules() if"

OF_LOSSES = (
    Way(
        name="a loss times a number",
        forward=("value{n} = 3 * loss{n}({m}(X{n}), y{n})",),
        issue="second-order-loss-factor",
        orders="second",
    ),
    Way(
        name="the logarithm of a loss",
        function="torch.log1p",
        issue="second-order-loss-factor",
        orders="second",
    ),
    Way(name="backward with a gradient", factor=3.0, issue="second-order-loss-factor", orders="second"),
    Way(
        name="a loss of two outputs",
        around=("both{n} = extend(nn.MSELoss())",),
        before=HEAD,
        forward=("h{n} = {m}[:-1](X{n})", "value{n} = both{n}({m}[-1](h{n}), head{n}(h{n}))"),
        issue="loss-of-two-outputs",
        orders="second",
        needs_rows=True,
    ),
    Way(
        name="the penalty of a gradient",
        forward=(
            "x{n} = X{n}.clone().requires_grad_()",
            "(g{n},) = torch.autograd.grad({m}(x{n}).sum(), x{n}, create_graph=True)",
            "value{n} = (g{n} ** 2).sum()",
        ),
        context="forward inside",
        issue="double-backward",
        needs_numbers=True,
        is_modular=False,
    ),
)

OF_LAYERS = (
    Way(
        name="the first feature of a layer",
        before=ONE,
        forward=("h{n} = {m}[:-1](X{n})", "value{n} = loss{n}(head{n}(h{n}[:, :1]), y{n})"),
        issue="views-between-layers",
        orders="second",
        needs_rows=True,
    ),
    Way(
        name="the first entry of a layer, expanded",
        forward=(
            "h{n} = {m}[:{cut}](X{n})",
            "value{n} = loss{n}({m}[{cut}:](h{n}[:, :1].expand_as(h{n})), y{n})",
        ),
        issue="views-between-layers",
        orders="second",
    ),
    Way(
        name="a weight used outside its layer",
        forward=(
            "h{n} = {m}[:-1](X{n})",
            "value{n} = loss{n}({m}[-1](h{n}) + nn.functional.linear(h{n}, {m}[-1].weight), y{n})",
        ),
        issue="weight-used-outside-its-layer",
        is_modular=False,
        needs_rows=True,
    ),
    Way(
        name="a layer called twice, and retained",
        forward=("h{n} = {m}[:-1](X{n})", "value{n} = loss{n}({m}[-1](h{n}) + {m}[-1](2 * h{n}), y{n})"),
        context="retained",
        issue="module-used-twice-retained",
        is_modular=False,
    ),
    Way(
        name="forward of a layer called directly",
        forward=("value{n} = loss{n}({m}[-1].forward({m}[:-1](X{n})), y{n})",),
        issue="forward-called-directly",
    ),
)

OF_WRITES = (
    Way(
        name="set_ on a parameter",
        between=("with torch.no_grad():", "    {m}[-1].weight.set_(3 * {m}[-1].weight)"),
        is_noticed=True,
    ),
    Way(
        name="a parameter replaced before backward",
        before=("old{n} = dict({m}.named_parameters())",),
        between=("{m}[-1].weight = nn.Parameter(3 * {m}[-1].weight.detach())",),
        undo=("{m}[-1].weight = list(old{n}.values())[-2]", "{m}.zero_grad()"),
        leaf="old{n}['{name}']",
        issue="module-changed-before-backward",
    ),
    Way(
        name="statistics replaced before backward",
        around=("{m}.eval()",),
        between=(f"[setattr(module, 'running_var', 4 * module.running_var) {MODULES} hasattr(module, 'running_var')]",),
        undo=(f"[setattr(module, 'running_var', module.running_var / 4) {MODULES} hasattr(module, 'running_var')]",),
        needs="BatchNorm",
        issue="module-changed-before-backward",
    ),
    Way(
        name="an option changed before backward",
        between=(f"[setattr(module, 'negative_slope', 4.0) {MODULES} hasattr(module, 'negative_slope')]",),
        undo=(f"[setattr(module, 'negative_slope', 0.5) {MODULES} hasattr(module, 'negative_slope')]",),
        needs="LeakyReLU",
        issue="module-changed-before-backward",
        orders="second",
    ),
    Way(
        name="extension_hook that writes to results",
        context="hook that writes",
        issue="grad-batch-is-the-gradient",
    ),
)

OF_MEMORY = (
    Way(
        name="input in steps",
        forward=("value{n} = loss{n}({m}(torch.stack([X{n}, 1 - X{n}], -1)[..., 0]), y{n})",),
    ),
    Way(
        name="input with samples last",
        forward=("value{n} = loss{n}({m}(torch.stack([*X{n}], -1).movedim(-1, 0)), y{n})",),
    ),
    Way(
        name="channels last",
        before=("{m}.to(memory_format=torch.channels_last)",),
        forward=("value{n} = loss{n}({m}(X{n}.to(memory_format=torch.channels_last)), y{n})",),
        undo=("{m}.to(memory_format=torch.contiguous_format)",),
        needs="Conv2d",
        is_strided=True,
    ),
)
"""The same numbers in another order in memory."""

ODD_WAYS: tuple[Way, ...] = (*OF_LOSSES, *OF_LAYERS, *OF_WRITES, *OF_MEMORY)
