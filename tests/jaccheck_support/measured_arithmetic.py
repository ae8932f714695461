"""What `jaccheck/oracle/assumptions.py` assumes of a device's arithmetic, measured on numbers drawn at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mpmath
import torch
from torch import Tensor

from jaccheck.oracle import arithmetic
from jaccheck.oracle.assumptions import LIBRARY_ULPS

NUMBERS = 200
"""Of each operation."""
LIBRARY = 2.0 * LIBRARY_ULPS
"""Roundings that one library function counts as."""

PAIRS: dict[str, Callable[..., Tensor]] = {
    "addition": torch.add,
    "subtraction": torch.sub,
    "multiplication": torch.mul,
    "division": torch.div,
}
FUNCTIONS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "square root": (torch.sqrt, 1.0),
    "exp": (torch.exp, LIBRARY),
    "expm1": (torch.expm1, LIBRARY),
    "log1p": (torch.log1p, LIBRARY),
    "tanh": (torch.tanh, LIBRARY),
    "erf, absolute": (torch.erf, LIBRARY),
    "sigmoid": (torch.sigmoid, LIBRARY + 2),
}
"""Each with the number of roundings u that it may be off by; erf by as many of one."""

TRUTH = {
    "addition": mpmath.mpf.__add__,
    "subtraction": mpmath.mpf.__sub__,
    "multiplication": mpmath.mpf.__mul__,
    "division": mpmath.mpf.__truediv__,
    "square root": mpmath.sqrt,
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log1p": mpmath.log1p,
    "tanh": mpmath.tanh,
    "erf, absolute": mpmath.erf,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """The largest error of an operation, in roundings u of its dtype, and how large the bounds let it be."""

    name: str
    error: float
    limit: float

    @property
    def is_within(self) -> bool:
        """Whether what is assumed held."""
        return self.error <= self.limit

    def __str__(self) -> str:
        return f"{self.name}: {self.error:.2f} u{'' if self.is_within else f', MORE THAN THE {self.limit:g} ASSUMED'}"


def measured(device: str, dtype: str, seed: int = 0) -> list[Measured]:
    """Each operation on numbers of many sizes, sums and products of matrices; the truth has 200 bits."""
    generator = torch.Generator().manual_seed(seed)
    kind = getattr(torch, dtype)

    def drawn(spread: int, count: int = NUMBERS) -> Tensor:
        sizes = torch.randint(-spread, spread + 1, (count,), generator=generator)
        return torch.ldexp(torch.rand(count, generator=generator, dtype=torch.float64) + 0.5, sizes).to(kind)

    found = []
    signs = ((-1) ** torch.arange(NUMBERS)).to(kind)
    with mpmath.workprec(200):
        for name, pair in PAIRS.items():
            x, y = drawn(5), drawn(5)
            there = pair(x.to(device), y.to(device)).cpu()
            true = [TRUTH[name](mpmath.mpf(a), mpmath.mpf(b)) for a, b in _both(x, y)]
            found.append(Measured(name, _error(there, true, dtype), 1.0))
        for name, (function, limit) in FUNCTIONS.items():
            x = drawn(3) if name in ("square root", "log1p") else drawn(3) * signs
            there = function(x.to(device)).cpu()
            true = [TRUTH[name](mpmath.mpf(a)) for a in x.double().tolist()]
            found.append(Measured(name, _error(there, true, dtype, of_one="absolute" in name), limit))
        found += _sums(device, dtype, drawn)
    return found


def _both(x: Tensor, y: Tensor) -> list[tuple[float, float]]:
    return list(zip(x.double().tolist(), y.double().tolist(), strict=True))


def _error(there: Tensor, true: list[mpmath.mpf], dtype: str, *, of_one: bool = False) -> float:
    """The largest error in units of u, beyond what a result that underflows may be off by."""
    ar = arithmetic(dtype)
    errors = [
        max(0, abs(mpmath.mpf(a) - b) - ar.eta) * 2**ar.precision_bits / (1 if of_one else abs(b))
        for a, b in zip(there.double().tolist(), true, strict=True)
        if 0 < abs(b) <= torch.finfo(getattr(torch, dtype)).max
    ]
    return float(max(errors))


def _sums(device: str, dtype: str, drawn: Callable[..., Tensor]) -> list[Measured]:
    """Of n numbers, and of products of matrices: against n roundings of the sum of magnitudes."""
    n, unit = 256, 2.0 ** arithmetic(dtype).precision_bits
    x = drawn(2, n)
    total = abs(mpmath.mpf(float(x.to(device).sum().cpu())) - mpmath.fsum(x.double().tolist()))
    A, B = drawn(2, 8 * n).reshape(8, n), drawn(2, 8 * n).reshape(n, 8)
    there = (A.to(device) @ B.to(device)).cpu().double()
    errors = [
        abs(mpmath.mpf(there[i, j].item()) - exact) / exact
        for i in range(8)
        for j in range(8)
        for exact in [mpmath.fdot(A[i].double().tolist(), B[:, j].double().tolist())]
    ]
    return [
        Measured(f"sum of {n}", float(total / mpmath.fsum(x.double().tolist()) * unit), float(n)),
        Measured(f"matrix product over {n}", float(max(errors) * unit), float(n + 1)),
    ]


def habits(device: str, dtype: str) -> dict[str, str]:
    """What the bounds allow for and what differs from device to device."""
    kind = getattr(torch, dtype)

    def of(*values: float) -> list[Tensor]:
        return [torch.tensor([value], dtype=kind, device=device) for value in values]

    info = torch.finfo(kind)
    (a, b) = of(1 + 8 * info.eps, -(1 + 16 * info.eps))
    big, one = of(2 / info.eps, 1.0)
    small, up, half = of(info.tiny / 2, 2.0, 0.5)
    (least,) = of(info.tiny)
    return {
        "a product and a sum together": "rounded once" if float((a * a + b).cpu()[0]) else "rounded each",
        "(large + 1) - large": "kept in a wider format" if float(((big + one) - big).cpu()[0]) else "rounded each",
        "a subnormal input": "kept" if float((small * up).cpu()[0]) else "read as zero",
        "a subnormal result": "kept" if float((least * half).cpu()[0]) else "flushed to zero",
    }
