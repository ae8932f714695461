"""What jaccheck says on the devices that the tests pretend, as JSON; run in a process of its own."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from dataclasses import replace

import torch

from jaccheck.bench import Call, peak_bytes, time_once
from jaccheck.bench.timing import synchronizer
from jaccheck.case import ELU, Case, Linear, ReLU, boundary_cases
from jaccheck.judging import LAW_OF, judge
from jaccheck.judging.scripts.script import write_script
from jaccheck.methods import Method, available_devices, choose_devices, find_method, has_dtype
from jaccheck.reports import Outcome, Verdict, WrongTotal

ON = "pretend:1"
CASE = Case(layers=(Linear(out_features=4), ReLU(), Linear(out_features=2)), in_shape=(3,), batch_size=5)
HOOKS = find_method("hooks")


def with_(change: object) -> Method:
    """`hooks`, whose result passes through a function."""
    return replace(HOOKS, compute=lambda problem: change(HOOKS.compute(problem)))  # type: ignore[operator]


def elsewhere(J: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The right numbers, on the other device of the same kind."""
    return {name: j.to("pretend:0") for name, j in J.items()}


def drawing(J: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The right numbers; the device's random numbers go on."""
    torch.pretend.set_rng_state(torch.Generator().manual_seed(7).get_state(), ON)  # type: ignore[attr-defined]
    return J


def sharing(J: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The right numbers of one parameter lie in the memory of another's."""
    names = list(J)
    both = torch.cat([J[name].flatten() for name in names])
    J[names[0]] = both[: J[names[0]].numel()].view_as(J[names[0]])
    J[names[1]] = both[J[names[0]].numel() - 1 :][: J[names[1]].numel()].view_as(J[names[1]])
    return J


def told(verdict: Verdict) -> list[str]:
    """Outcome, law and message."""
    laws = [failure.law for failure in verdict.failures]
    return [verdict.outcome, " ".join(laws), verdict.message]


def main() -> None:
    """Prints everything."""
    torch.set_num_threads(1)
    pretend = torch.pretend  # type: ignore[attr-defined]
    answers: dict[str, object] = {"devices": available_devices(), "chosen": choose_devices(["pretend:1"])}
    answers["dtypes"] = [dtype for dtype in ("float64", "float32", "bfloat16", "float16") if has_dtype(ON, dtype)]
    names = (
        "autograd_loop",
        "vmap_jacrev",
        "vmap_jacfwd",
        "hooks",
        "outer_products",
        "batch_grad_loop",
        "sqrt_ggn_sum",
    )
    answers["right"] = {name: told(judge(CASE, find_method(name), device=ON))[0] for name in names}
    answers["elsewhere"] = told(judge(CASE, with_(elsewhere), device=ON))
    answers["drawing"] = told(judge(CASE, with_(drawing), device=ON))
    answers["sharing"] = told(judge(CASE, with_(sharing), device=ON))
    elu = Case(layers=(Linear(out_features=4), ELU(), Linear(out_features=2)), in_shape=(3,), batch_size=5)
    answers["lacking"] = told(judge(elu, HOOKS, device=ON))
    convolution = next(iter(boundary_cases("convolution", "float32")))
    answers["convolution"] = told(judge(convolution, HOOKS, device=ON))
    large = Case(layers=(Linear(out_features=500), Linear(out_features=2)), in_shape=(500,), batch_size=2)
    answers["held"] = pretend.memory_allocated(ON)
    answers["out of memory"] = told(judge(large, HOOKS, device=ON))
    # The device's autograd thread gives back a moment after the error has come out of the backward pass.
    until = time.monotonic() + 10
    while pretend.memory_allocated(ON) and time.monotonic() < until:
        time.sleep(0.01)
    answers["held after it"] = pretend.memory_allocated(ON)
    answers["peak"] = peak_bytes(lambda: torch.ones(1000, device=ON) + 1, ON)
    wait = synchronizer(ON)
    assert wait is not None
    answers["waits"] = time_once(Call("waits", lambda _: pretend.begin(0.2)), wait).wall_s >= 0.2
    law = LAW_OF["sum over samples"]
    detail = WrongTotal(parameter="0.weight", actual=1.0, expected=2.0, bound=0.1, wrong=1, numbers=4)
    script = write_script(CASE, find_method("autograd_loop"), ON, law.failure(Outcome.DISAGREES, detail))
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(script, "script", "exec"), {})
    answers["script"] = [line.split(maxsplit=1)[1] for line in printed.getvalue().splitlines()]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
