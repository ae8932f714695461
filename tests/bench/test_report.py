"""A report of times survives JSON, ranks only what is right, and is drawn and printed whole."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from io import StringIO
from math import inf
from pathlib import Path

import pytest
from rich.console import Console

from jaccheck.bench import Plan, choose_shapes
from jaccheck.bench.growth import growth_of
from jaccheck.bench.run import stages
from jaccheck.bench.shapes import SHAPES, SWEEPS
from jaccheck.bench.timing import spread
from jaccheck.core import seconds_text
from jaccheck.errors import IncompatibleFile, UnknownName
from jaccheck.methods import describe_environment
from jaccheck.rendering import bench_summary, growth_table, plot_bench, print_cell
from jaccheck.rendering.html.race import race_plot
from jaccheck.rendering.plots import chosen
from jaccheck.reports import BenchCell, BenchReport, MethodTiming, Outcome, Race, RacePlace, Regime, load, save


def timing(name: str, seconds: float | None, outcome: Outcome = Outcome.AGREES) -> MethodTiming:
    times = None if seconds is None else spread([seconds * factor for factor in (0.9, 0.95, 1, 1, 1.05, 1.1, 1.2)])
    return MethodTiming(
        method=name, outcome=outcome, message="because", peak_bytes=4 * 10**6, fresh=times, reused=times
    )


def race(regime: Regime = "fresh", *others: RacePlace) -> Race:
    """`quick` ahead of the loop, and of what is given."""
    places = (
        RacePlace(method="quick", standing="fastest", rounds=18),
        *others,
        RacePlace(method="autograd_loop", standing="slower", rounds=6, ratio=50.0, low=45.0, high=55.0),
    )
    return Race(regime=regime, places=places, rounds=18, confidence=0.95, margin=0.05)


def printed(*cells: BenchCell) -> str:
    console = Console(file=StringIO(), width=200)
    for each in cells:
        print_cell(each, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def cell(n: int, dtype: str = "float32", **changes: object) -> BenchCell:
    """Times that grow with the size of the Jacobian, the loop's with its square."""
    made = BenchCell(
        shape=f"size {n}",
        network="3-4-2",
        dtype=dtype,
        device="cpu",
        N=n,
        C=2,
        parameters=26,
        jacobian_bytes=8 * 26 * n,
        fresh_floor=spread([1e-6 * n] * 7),
        reused_floor=spread([1e-7 * n] * 7),
        methods=(
            timing("quick", 2e-6 * n),
            timing("autograd_loop", 1e-6 * n**2),
            timing("bad", None, Outcome.DISAGREES),
            timing("large", None, Outcome.NOT_RUN),
            replace(timing("loop", None), times_slower=9.7, first_calls=1),
        ),
        races=(race("fresh"), race("reused")),
        seconds=1.0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def report(*cells: BenchCell) -> BenchReport:
    return BenchReport(
        environment=describe_environment({"cpu": "here"}),
        threads=1,
        memory=2**30,
        cells=cells,
        growth=growth_of(cells),
        seconds=3.0,
    )


def test_json_both_ways(tmp_path: Path) -> None:
    """What is read is what was written."""
    swept = [cell(size, axis="N", size=size) for size in (10, 20, 40, 80, 160)]
    written = report(*swept, cell(100))
    save(written, tmp_path / "bench.json")
    assert load(BenchReport, tmp_path / "bench.json") == written
    text = (tmp_path / "bench.json").read_text()
    (tmp_path / "bench.json").write_text(text.replace('"schema_version": 2', '"schema_version": 3'))
    with pytest.raises(IncompatibleFile):
        load(BenchReport, tmp_path / "bench.json")


def test_reading_a_report_loads_no_torch() -> None:
    """Reports are read and drawn where torch is not installed."""
    code = "from jaccheck.rendering import bench_summary, plot_bench; import sys; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_only_what_is_right_is_ranked() -> None:
    """The wrong one is named, in capitals, and stands in no table; what was not run is named with the reason."""
    assert [m.method for m in cell(100).ranked("fresh")] == ["quick", "autograd_loop"]
    assert [m.method for m in cell(100, races=()).ranked("fresh")] == ["quick", "autograd_loop"]
    text = printed(cell(100))
    assert "bad: DISAGREES, not ranked: because" in text
    assert "large: NOT_RUN: because" in text
    assert text.count("bad") == 1
    assert "fastest in fresh memory: size 100 float32: quick" in bench_summary(report(cell(100)))
    assert report(cell(100)).wrong


def test_a_race_is_told_in_rows_and_lines() -> None:
    """Ratios with intervals; the winner, how sure that is, and what was dropped in one line."""
    text = printed(cell(100))
    rows = [line.split() for line in text.splitlines() if line.split()[:1] in (["quick"], ["autograd_loop"])]
    assert rows[0][:6] == ["quick", "200", "µs", "±20%", "1", "fastest"]
    assert rows[1][4:9] == ["50.0", "45.0", "to", "55.0", "slower"]
    assert "fastest in fresh memory: quick, at 95 %, after 18 rounds" in text
    assert "1 method at least 9.7 × slower was dropped after one call" in text


def test_what_is_not_decided_is_said_so() -> None:
    """The first is not called the fastest then; what is as fast by the interval is."""
    close = RacePlace(method="large", standing="open", rounds=18, ratio=1.02, low=0.9, high=1.1)
    text = printed(cell(100, races=(race("fresh", close),)))
    assert "not decided after 18 rounds; it may be quick or large" in text
    assert "fastest" not in next(line for line in text.splitlines() if line.split()[:1] == ["quick"])
    level = replace(close, standing="level", low=0.99, high=1.03)
    assert "quick and large are equally fast in fresh memory, within 5 %, at 95 %, after 18 rounds" in printed(
        cell(100, races=(race("fresh", level),))
    )
    untimed = replace(race(), untimed=("x", "y"))
    assert not untimed.is_decided
    assert "no time was left for x and y" in printed(cell(100, races=(untimed,)))


def test_methods_of_one_kind_have_one_row() -> None:
    """The best of each kind, and all that may be the fastest; the others are counted, in one line."""
    names = [f"slow {i}" for i in range(15)]
    slow = [RacePlace(method=n, standing="slower", rounds=6, ratio=2.0, low=1.58, high=3.0) for n in names]
    methods = tuple(replace(timing(n, 1e-3), kind="slow") for n in names)
    many = cell(100, methods=(*cell(100).methods, *methods), races=(race("fresh", *slow),))
    assert [place.method for place in many.rows(many.races[0])] == ["quick", "slow 0", "autograd_loop"]
    assert "14 methods, at least 1.5 × slower, left after 6 rounds" in printed(many)


def test_the_picture_of_a_race_shows_its_intervals() -> None:
    """On one axis: the first at 1, each bar around its dot and to the right of what is faster; words for each."""
    close = RacePlace(method="large", standing="open", rounds=3, ratio=1.2, low=0.0, high=inf)
    drawn = race_plot(cell(100), race("fresh", close))
    first, unsure, last = drawn.lines
    assert (first.style, unsure.style, last.style) == ("may", "may", "slower")
    assert drawn.left <= unsure.low <= first.dot < unsure.dot < last.low < last.dot < last.high < drawn.width
    assert unsure.high == pytest.approx(max(line.high for line in drawn.lines), rel=0.1)
    assert "too few rounds" in unsure.text
    assert last.text == "autograd_loop: 50 × the fastest, 45 to 55; slower"
    at_one = next(x for x, text in drawn.ticks if text == "1 ×")
    assert at_one == pytest.approx(first.dot)


def test_growth_is_fitted() -> None:
    """An exponent of one and of two, each beside that of the Jacobian's size; from five sizes on, where it is known."""
    cells = [cell(size, axis="N", size=size) for size in (10, 20, 40, 80, 160)]
    found = {(g.method, g.quantity): g for g in growth_of(cells)}
    assert found["quick", "time"].exponent == pytest.approx(1)
    assert found["autograd_loop", "time"].exponent == pytest.approx(2)
    assert found["quick", "memory"].exponent == pytest.approx(0)
    assert found["quick", "time"].theory == pytest.approx(1)
    assert "bad" not in {g.method for g in growth_of(cells) if g.quantity == "time"}
    assert not growth_of(cells[:4])
    noisy = [replace(each, reused_floor=None) for each in cells]
    noisy[2] = cell(120, axis="N", size=40)
    assert not [g for g in growth_of(noisy) if g.quantity == "time"]
    console = Console(file=StringIO(), width=200)
    console.print(growth_table(tuple(growth_of(cells))))
    assert "2.0 ± 0.0" in console.file.getvalue()  # type: ignore[attr-defined]


def test_plots_are_written(tmp_path: Path) -> None:
    """For each dtype one, as PNG and SVG, with the methods that count."""
    cells = (cell(10), cell(100), cell(10, "float64"), cell(20, axis="N", size=20))
    written = plot_bench(report(*cells), tmp_path / "new")
    assert {path.name for path in written} == {
        f"bench-{dtype}-cpu.{ending}" for dtype in ("float32", "float64") for ending in ("png", "svg")
    }
    assert all(path.stat().st_size > 1000 for path in written)
    assert chosen([cell(10)]) == ["quick", "autograd_loop"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.0, "2.00 s"), (0.0123, "12.3 ms"), (1.5e-4, "150 µs"), (2e-7, "0.20 µs")]
)
def test_times_have_three_digits(seconds: float, text: str) -> None:
    """And a unit."""
    assert seconds_text(seconds) == text


def test_shapes_are_chosen_by_name() -> None:
    """Sweeps together or point by point; the largest last."""
    assert choose_shapes(("sweeps",)) == SWEEPS
    assert [shape.name for shape in choose_shapes(("N=64", "tutorial"))] == ["N=64", "tutorial"]
    assert [shape.name for shape in choose_shapes(())] == ["tutorial", "cnn", "deep", "wide"]
    assert choose_shapes((), is_thorough=True)[-1] == SHAPES[-1]
    assert set(choose_shapes((), is_thorough=True)) == {*SHAPES, *SWEEPS}
    with pytest.raises(UnknownName, match="choose from tutorial"):
        choose_shapes(("tiny",))


def test_sweeps_are_in_one_dtype() -> None:
    """And every other shape in all that are asked for, on every device."""
    plan = Plan(
        shapes=(SHAPES[0], SWEEPS[0]),
        dtypes=("float32", "float64"),
        devices={"cpu": "", "cuda": ""},
        methods=(),
        seconds=1.0,
        threads=1,
        memory=1,
    )
    assert [(s.shape.name, s.dtype, s.device) for s in stages(plan)] == [
        ("tutorial", "float32", "cpu"),
        ("tutorial", "float32", "cuda"),
        ("tutorial", "float64", "cpu"),
        ("tutorial", "float64", "cuda"),
        ("N=8", "float32", "cpu"),
        ("N=8", "float32", "cuda"),
    ]
