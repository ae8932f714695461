"""A page is one file that shows everything as text: nothing in a report becomes an element, a script or an address."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from jaccheck_support.example_reports.judged import verify_report
from jaccheck_support.pages import HOSTILE, REPORTS, Parsed, hostile, page

from jaccheck.rendering import verify_page
from jaccheck.rendering.html.page import together, visible

COMMANDS = tuple(REPORTS)


@pytest.mark.parametrize("command", COMMANDS)
def test_hostile_text_stays_text(command: str) -> None:
    """With markup in every name, message and path a page has the kinds of elements that it has without."""
    plain, spoilt = Parsed(page(command)), Parsed(page(command, hostile))
    assert {tag for tag, _ in spoilt.elements} <= {tag for tag, _ in plain.elements} | {"wbr", "text", "span"}
    for kind in ("script", "style", "title", "img", "svg"):
        there = [sum(tag == kind for tag, _ in parsed.elements) for parsed in (plain, spoilt)]
        assert there[0] == there[1], kind
    names = {name for _, attributes in spoilt.elements for name in attributes}
    assert not {name for name in names if name.startswith("on")}
    assert "<img src=x onerror=alert(2)>" in spoilt.text
    assert "{{ 7*7 }}" in spoilt.text


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_points_nowhere_else(command: str) -> None:
    """No address but those within the file; what the browser may load is nothing, and the only script its own."""
    text = page(command, hostile)
    parsed = Parsed(text)
    for tag, attributes in parsed.elements:
        for name in ("src", "href", "action", "data"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, name, value)
    (policy,) = [a["content"] or "" for tag, a in parsed.elements if a.get("http-equiv") == "Content-Security-Policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_can_be_written_and_holds_no_hidden_characters(command: str, tmp_path: Path) -> None:
    """Lone surrogates, NULs and characters that turn text around are written out."""
    text = page(command, hostile)
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    assert not re.search(r"[\x00-\x08\x1b\u202a-\u202e]", text)
    assert r"\u202etxt" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_link_leads_somewhere_and_no_id_is_there_twice(command: str) -> None:
    """What a link, a label or a filter points to is there, once."""
    elements = Parsed(page(command)).elements
    ids = [a["id"] for _, a in elements if "id" in a]
    assert len(ids) == len(set(ids))
    pointers = [
        a[name] for _, a in elements for name in ("href", "for", "aria-labelledby", "data-filters") if name in a
    ]
    assert {(pointer or "").removeprefix("#") for pointer in pointers} - {"data:,"} <= set(ids)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("\x00\x1b", r"\x00\x1b"),
        ("\u202eabc\u2066", r"\u202eabc\u2066"),
        ("\ud800", r"\ud800"),
        ("ürgs∂θ", "ürgs∂θ"),
        (3, 3),
    ],
)
def test_what_cannot_be_seen_is_made_visible(text: object, shown: object) -> None:
    """Letters of any language stay as they are."""
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1 min 16 s; 3 samples", "1&nbsp;min 16&nbsp;s; 3 samples"),
        ("0.5 % of 1.5 GiB, 9 × J", "0.5&nbsp;% of 1.5&nbsp;GiB, 9&nbsp;× J"),
        ("<b> 4 s", "&lt;b&gt; 4&nbsp;s"),
    ],
)
def test_a_number_stays_with_its_unit(text: str, shown: str) -> None:
    """On one line, and escaped as all text."""
    assert together(text) == shown


def test_the_page_says_what_the_run_found() -> None:
    """The answer, where it is wrong, the case, the script, and the cell that compared nothing."""
    text = Parsed(verify_page(verify_report())).text
    assert "2 findings in 11 cases: sqrt_ggn_sum on cpu" in text
    for part in ("2.13.0", "0.bias[1, 1, 0]: nan instead of 0.5", "Linear(2, 3)", "print('x' * 3)", "KeyError: 'x'"):
        assert part in text
    assert "Cells that were given cases and compared nothing are marked below" in text


def test_devices_stand_side_by_side() -> None:
    """A row each, with what was compared and found there; none where there is one device."""
    report = verify_report()
    assert "Each device" not in Parsed(verify_page(report)).text
    there = tuple(replace(cell, device="xla", entries=2 * cell.entries) for cell in report.coverage[:2])
    text = Parsed(verify_page(replace(report, coverage=(*report.coverage, *there)))).text
    assert "cpux86_64217101800.0 %0.0 %2" in text  # cells without the spaces between them: 2 methods, 17 compared
    assert "xlaxla19001800.0 %0.0 %0" in text


def test_each_device_has_a_section_of_its_own() -> None:
    """With the methods, closeness and findings of that device alone; the only device of a run needs none."""
    report = verify_report()
    assert "On cpu" not in Parsed(verify_page(report)).text
    there = tuple(replace(cell, device="xla", entries=2 * cell.entries) for cell in report.coverage[:2])
    of_xla = replace(report.findings[0], device="xla")
    page = verify_page(replace(report, coverage=(*report.coverage, *there), findings=(*report.findings, of_xla)))
    text = Parsed(page).text
    sections = re.split(r'<section id="device-\d"', page)[1:]
    on_cpu, on_xla = (Parsed("<section " + each.partition("</section>")[0]).text for each in sections)
    assert len(sections) == 2
    assert "On cpu" in on_cpu
    assert "On xla" in on_xla
    assert all(each.method in on_xla for each in there)
    assert on_xla.count(of_xla.law) == 1
    assert on_cpu.count("sqrt_ggn_sum: ") == len(report.findings)
    assert text.count("Closeness to the bounds") == 2
    assert f'href="#finding-{len(report.findings) + 1}"' in page


def test_the_page_of_a_large_run_stays_small() -> None:
    """All methods, families and dtypes there are: a few hundred kB."""
    report = verify_report()
    cell = replace(report.coverage[0], cases=1000, compared=1000, entries=10_000_000, nonzero=1_000_000)
    cells = (replace(cell, method=f"method_of_some_length_{i % 20}", family=f"some_family_{i}") for i in range(2000))
    tightness = (replace(report.tightness[0], method=f"method_of_some_length_{i}") for i in range(80))
    assert len(verify_page(replace(report, coverage=tuple(cells), tightness=tuple(tightness)))) < 500_000


@pytest.mark.parametrize("command", COMMANDS)
def test_every_class_is_one_that_the_style_knows(command: str) -> None:
    """In every cell, badge and square, the hostile report's too; words of highlighted source aside."""
    style = (files("jaccheck.rendering.html") / "templates" / "style.css").read_text(encoding="utf-8")
    known = set(re.findall(r"\.([a-z][\w-]*)", style)) | {"plain"}
    for tag, attributes in Parsed(page(command, hostile)).elements:
        if tag != "span":
            assert set((attributes.get("class") or "").split()) <= known, (tag, attributes)


def test_a_finding_that_is_hostile_in_one_place_only_is_shown_there() -> None:
    """The whole of a hostile message is there to be read, escaped once and not twice."""
    text = Parsed(verify_page(hostile(verify_report()))).text
    assert str(visible(HOSTILE)) in text
