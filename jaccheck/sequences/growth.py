"""The law of growth: a thousand passes over one network leave nothing more than one does."""

from __future__ import annotations

import os

from jaccheck.sequences.broken import Growth
from jaccheck.sequences.sequence import Sequence, Tally

CALLS = 1000

USE = (
    "def make():",
    "    return extend(nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))), extend(nn.MSELoss())",
    "def use(model, mse):",
    "    loss = mse(model(torch.ones(4, 3)), torch.zeros(4, 2))",
    "    with backpack(BatchGrad(), SqrtGGNExact()):",
    "        loss.backward()",
)
"""What is done again and again."""


def check_growth(extensions: tuple[str, ...], *, use: tuple[str, ...] = USE, calls: int = CALLS) -> None:
    """Raises Growth where passes leave Python objects, handles of hooks or memory behind, with its script.

    A tenth of a Python object for each pass is allowed, for what comes and goes elsewhere in the process. What torch's
    allocator gave for a network and a tenth of the passes must all be back when the network is deleted.
    """
    # torch's profiler announces itself on standard error otherwise.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    sequence = Sequence(extensions, Tally())
    session = sequence.session
    session.run(
        *use,
        "model, mse = make()",
        "use(model, mse)",
        "gc.collect()",
        "handles, objects = len(CTX.hook_handles), len(gc.get_objects())",
        f"for _ in range({calls}):",
        "    use(model, mse)",
        "gc.collect()",
        "more_handles, more_objects = len(CTX.hook_handles) - handles, len(gc.get_objects()) - objects",
        "del model, mse",
        "gc.collect()",
        "with torch.autograd.profiler.profile(profile_memory=True) as profile:",
        "    model, mse = make()",
        f"    for _ in range({calls // 10}):",
        "        use(model, mse)",
        "    del model, mse",
        "    gc.collect()",
        'more_bytes = sum(e.nbytes() for e in profile.kineto_results.events() if e.name() == "[memory]")',
    )
    for what, most in {"bytes": 0, "handles of hooks": 0, "objects": calls // 10}.items():
        name = f"more_{what.split()[0]}"
        if (found := session[name]) > most:
            broken = Growth(f"{calls} passes leave {found} {what} behind", f"assert {name} <= {most}, {name}")
            sequence.explain(broken)
            raise broken
