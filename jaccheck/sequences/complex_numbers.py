"""A Linear of complex numbers, whose gradients by torch's convention are conjugated: what BatchGrad must leave."""

from __future__ import annotations

from jaccheck.judging import observe_globals
from jaccheck.sequences.broken import Refused
from jaccheck.sequences.sequence import Sequence


def use_complex(sequence: Sequence) -> None:
    """One pass over two samples of a Linear of complex numbers, each compared with a pass of its own. Raises Broken."""
    session, m = sequence.session, f"complex{sequence.number()}"
    session.run(
        f"{m} = extend(nn.Linear(2, 1, bias=False, dtype=torch.cfloat))",
        "Z = torch.tensor([[1.0 + 2.0j, 0.5], [2.0, 1.0j]])",
        f"rows = torch.stack([torch.autograd.grad({m}(z).real.sum(), {m}.weight)[0] for z in Z])",
        f"real = {m}(Z).real.sum()",
    )
    failed = session.attempt("with backpack(BatchGrad()):", "    real.backward()")
    if failed.startswith("NotImplementedError"):
        sequence.tally.refused["BackPACK says that it does not support it"] += 1
    elif failed:
        raise Refused(f"complex numbers: {failed}", "real.backward()")
    else:
        is_right = session[f"torch.equal({m}.weight.grad_batch, rows)"]
        sequence.tally.meet("complex-parameters", is_wrong=not is_right)
    session.run(f"{m}.apply(memory_cleanup)", f"del {m}, Z, rows, real")
    sequence.globals = observe_globals("cpu")  # torch drew the first numbers of the Linear
