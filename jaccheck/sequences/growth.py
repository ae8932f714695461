"""The law of growth: a thousand passes over one network leave nothing more than one does."""

from __future__ import annotations

import os

from jaccheck.sequences.broken import Growth
from jaccheck.sequences.sequence import Sequence, Tally

CALLS = 1000

HELD = 1000
"""Bytes: what one pass holds, the last one instead of the first."""

USE = (
    "model = extend(nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2)))",
    "mse = extend(nn.MSELoss())",
    "def use():",
    "    loss = mse(model(torch.ones(4, 3)), torch.zeros(4, 2))",
    "    with backpack(BatchGrad(), SqrtGGNExact()):",
    "        loss.backward()",
)
"""What is done again and again."""


def check_growth(extensions: tuple[str, ...], *, use: tuple[str, ...] = USE, calls: int = CALLS) -> None:
    """Raises Growth where passes leave tensors, Python objects or handles of hooks behind, with its script.

    Torch's own allocator is asked for the bytes. A tenth of a Python object for each pass is allowed, for what comes
    and goes elsewhere in the process.
    """
    # torch's profiler announces itself on standard error otherwise.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    sequence = Sequence(extensions, Tally())
    session = sequence.session
    session.run(
        *use,
        "def bytes_of_calls():",
        "    with torch.autograd.profiler.profile(profile_memory=True) as profile:",
        f"        for _ in range({calls}):",
        "            use()",
        '    return sum(each.nbytes() for each in profile.kineto_results.events() if each.name() == "[memory]")',
        "use()",
        "gc.collect()",
        "handles, objects = len(CTX.hook_handles), len(gc.get_objects())",
        "more_bytes = bytes_of_calls()",
        "gc.collect()",
        "more_handles, more_objects = len(CTX.hook_handles) - handles, len(gc.get_objects()) - objects",
    )
    limits = {"handles of hooks": 0, "bytes": HELD, "objects": calls // 10}
    for what, most in limits.items():
        name = f"more_{what.split()[0]}"
        if (found := session[name]) > most:
            broken = Growth(f"{calls} passes leave {found} {what} behind", f"assert {name} <= {most}, {name}")
            sequence.explain(broken)
            raise broken
