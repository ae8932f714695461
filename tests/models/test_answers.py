"""What a check says of a model is true, is said once, and says what to do; each sentence is seen on a real check."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

import jaccheck
from jaccheck.methods import Jacobians, Method, Problem, find_method
from jaccheck.models import model_check
from jaccheck.rendering import model_markdown, model_page, print_model_report
from jaccheck.reports import ModelReport, Outcome, statements

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))


class Branching(nn.Module):
    """What it computes follows from a value, over which torch.vmap does not map."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, X: Tensor) -> Tensor:
        h = torch.celu(self.a(X))
        return self.b(h if h.abs().sum().item() >= 0 else 2 * h)


class Rooted(nn.Module):
    """The first feature is zero whatever the input; its root has the derivative 0 · ∞."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(3, 2)

    def forward(self, X: Tensor) -> Tensor:
        h = self.a(X)
        return self.b(torch.cat([(0 * h[:, :1]).sqrt(), h[:, 1:].sigmoid()], dim=1))


def seeded(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return kind()


def celu() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.CELU(), nn.Linear(5, 2))


def own(name: str, change: object) -> Method:
    """A right method whose result is changed."""
    right = find_method("func_jacrev")
    return replace(right, name=name, compute=lambda problem: change(problem, right.compute(problem)))  # type: ignore[operator]


def checked(model: nn.Module, *methods: str | Method) -> ModelReport:
    return jaccheck.check(model, X, methods=methods, seconds=20.0)


def shown(report: ModelReport) -> str:
    """What a terminal of a hundred columns shows."""
    out = io.StringIO()
    print_model_report(report, Console(file=out, width=100))
    return out.getvalue()


VMAP = ("vmap_jacrev", "vmap_jacrev_chunked", "vmap_jacfwd", "vmap_jacfwd_chunked", "vmap_vjp", "vmap_vjp_chunked")


def test_one_reason_is_one_line() -> None:
    """With the methods, and what helps; a crash is no exit 1, and the table holds what was compared."""
    report = checked(seeded(Branching), "autograd_loop", *VMAP, "batch_grad_loop", "sqrt_ggn_sum", "outer_products")
    assert not report.found_something
    lines = shown(report).splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("CRASHED")]
    assert lines[at].startswith("CRASHED: 6 methods: RuntimeError: vmap: ")
    assert lines[at + 1] == f"  {', '.join(VMAP)}"
    assert lines[at + 2].startswith("  what helps: replace a branch on a tensor's value by torch.where")
    assert sum("vmap_vjp" in line for line in lines) == 1
    assert sum("outer_products" in line for line in lines) == 1
    assert lines[-2].startswith(f"use {report.recommended}: ")
    assert lines[-1] == report.call_line


def test_every_format_says_the_same() -> None:
    """The verdict, and each sentence, in the terminal, the page, Markdown and a notebook."""

    def negated(problem: Problem, J: Jacobians) -> Jacobians:
        return {name: -j for name, j in J.items()}

    report = checked(seeded(Branching), "autograd_loop", "vmap_vjp", own("mine", negated), own("theirs", negated))
    assert report.found_something
    assert [answer.method for answer in report.wrong] == ["mine", "theirs"]
    said = [line for each in statements(report) for line in (each.text, *each.more)]
    assert said[0].startswith("mine, theirs: DISAGREES")
    assert said[0].endswith("; negated")
    assert report.verdict.startswith("2 methods are wrong on this model; use autograd_loop: ")
    for text in (
        shown(report),
        plain(model_page(report)),
        plain(report._repr_html_()),
        unescaped(model_markdown(report)),
    ):
        for line in (report.verdict[1:], *said):
            assert line in text, (line, text)


def plain(page: str) -> str:
    """The text of a page as far as sentences need it."""
    return (
        page.replace("&#39;", "'").replace("&#34;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("<wbr>", "")
    )


def unescaped(markdown: str) -> str:
    return plain(markdown.replace("\\", ""))


def test_the_table_fits_and_has_two_answers() -> None:
    """A column for float64 and one for the model's own dtype; no line of it is wider than a hundred signs."""
    report = checked(celu(), "autograd_loop", "functional_jacobian_vectorized", "vmap_vjp", "hooks")
    lines = shown(report).splitlines()
    (head,) = [line for line in lines if "in float32" in line]
    assert "in float64" in head
    row = next(line for line in lines if line.startswith(" functional_jacobian_vectorized"))
    assert sum(row.count(word) for word in ("AGREES", "CONSISTENT")) == 2
    table = lines[lines.index(head) : lines.index(row)]
    assert all(len(line.rstrip()) <= 100 for line in table)


def test_a_loss_of_precision_is_said_in_those_words() -> None:
    """Right in float64, and not in float32; such a method is not recommended."""

    def rounded(problem: Problem, J: Jacobians) -> Jacobians:
        return {name: j.bfloat16().to(j.dtype) if problem.dtype == "float32" else j for name, j in J.items()}

    report = checked(celu(), own("mine", rounded))
    (answer,) = report.answers
    assert answer.outcome is Outcome.DISAGREES
    assert answer.in_float64 is not None
    assert answer.in_float64.is_usable
    assert report.recommended is None
    assert "mine: DISAGREES in float32: right in float64, but it loses precision in float32: " in shown(report)
    assert report.verdict == "1 method is wrong on this model; no method is known to be right on this model"


def test_nan_stands_beside_the_recommendation() -> None:
    """How many entries, and of which parameters: those of the first row of `a`, and none of the others."""
    model = seeded(Rooted)
    report = checked(model, "autograd_loop")
    n = 3 * 2 * 5  # samples × outputs × (4 weights and a bias of the first feature)
    found = jaccheck.jacobians(model, X, method="autograd_loop")
    assert sum(int(j.isnan().sum()) for j in found.values()) == n
    assert report.answers[0].nan_entries == n
    assert f"{n} of {report.answers[0].entries} entries are NaN, as in the reference" in report.advice
    assert f"{n} of {report.answers[0].entries} entries are NaN, as in the reference (a.weight, a.bias)" in shown(
        report
    )


def test_where_all_methods_differ_alike_it_is_the_estimate_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's own loop among them: none is called wrong, none is recommended, and the reason is said."""
    right = model_check.reference_of

    def mistaken(*arguments: object, **options: object) -> object:
        reference = right(*arguments, **options)  # type: ignore[arg-type]
        plain = reference.expectations

        def spoilt(method: Method):  # type: ignore[no-untyped-def]
            spoilt = {"mode": "estimate", "look": None}
            return (replace(each, expected=1.01 * each.expected + 1e-3, **spoilt) for each in plain(method))  # type: ignore[arg-type]

        reference.expectations = spoilt  # type: ignore[method-assign]
        return reference

    monkeypatch.setattr(model_check, "reference_of", mistaken)
    report = checked(celu(), "autograd_loop", "vmap_vjp", "hooks")
    assert not report.wrong
    assert report.found_something, "nothing could be judged"
    assert report.recommended is None
    text = shown(report)
    assert "it is the estimate that failed" in text
    assert "no method is advised" in text.splitlines()[-1]
    assert checked(celu(), "autograd_loop", "vmap_vjp").found_something, "two that differ are too few to tell"


def test_a_refusal_alone_compares_nothing() -> None:
    """Exit code 1: a check that was asked for was not made."""
    report = checked(celu(), "outer_products")
    assert report.found_something
    assert report.verdict == "no method is advised: nothing was compared"
