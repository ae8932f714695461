"""Pages in a real browser: they load nothing, run only their own script, can be read by everyone, filtered and copied.

Chromium is needed: `apt-get install -y --no-install-recommends chromium`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("axe_playwright_python", reason="a browser is driven by the packages of the extra `browser`")

from axe_playwright_python.sync_playwright import Axe
from jaccheck_support.example_reports.judged import verify_report
from jaccheck_support.example_reports.upgrades import gate_report
from jaccheck_support.pages import REPORTS, hostile, page
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from jaccheck.rendering import gate_page, verify_page

COMMANDS = tuple(REPORTS)
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window. Where JACCHECK_BROWSER is set it must be there."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        reason = "Chromium is not installed: apt-get install -y --no-install-recommends chromium"
        (pytest.fail if os.environ.get("JACCHECK_BROWSER") else pytest.skip)(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


class Visit:
    """A page that was opened, and what it did beyond being shown."""

    def __init__(self, context: BrowserContext, path: Path) -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.said: list[str] = []
        self.asked_for: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.asked_for.append(request.url))
        self.page.goto(path.as_uri())

    @property
    def is_quiet(self) -> bool:
        """Whether it asked for nothing but itself and pictures that it holds, and said nothing."""
        others = [url for url in self.asked_for[1:] if not url.startswith("data:")]
        return not others and not self.said


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[object]:
    """Opens the text of a page; with options of the browser's context, as `color_scheme="dark"`."""
    contexts = []

    def visit(text: str, **options: object) -> Visit:
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        contexts.append(browser.new_context(**options))  # type: ignore[arg-type]
        return Visit(contexts[-1], path)

    yield visit
    for context in contexts:
        context.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_is_quiet_and_for_everyone(visit, command: str) -> None:  # type: ignore[no-untyped-def]
    """axe-core has nothing against it; on a phone only tables and scripts scroll aside; and it can be printed."""
    shown = visit(page(command))
    _must_be_accessible(shown.page)
    shown.page.set_viewport_size(PHONE)
    assert shown.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert shown.page.pdf().startswith(b"%PDF")
    assert shown.is_quiet, (shown.said, shown.asked_for)


@pytest.mark.parametrize("command", ["gate", "matrix", "verify"])
def test_dark_colours_have_contrast_too(visit, command: str) -> None:  # type: ignore[no-untyped-def]
    """The pages that use all the colours there are, in a browser that asks for dark ones."""
    shown = visit(page(command), color_scheme="dark").page
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    _must_be_accessible(shown)


def _must_be_accessible(shown: Page) -> None:
    for summary in shown.locator("summary").all():
        summary.click()
    found = Axe().run(shown)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("command", COMMANDS)
def test_hostile_reports_run_nothing(visit, command: str) -> None:  # type: ignore[no-untyped-def]
    """No dialog, no message, no request, one script: with markup in every text of the report."""
    shown = visit(page(command, hostile))
    assert shown.is_quiet, (shown.said, shown.asked_for)
    assert shown.page.evaluate("document.scripts.length") == 1
    assert shown.page.evaluate("document.documentElement.classList.contains('js')")


def test_rows_are_filtered_by_words_and_by_marks(visit) -> None:  # type: ignore[no-untyped-def]
    """Rows with all the words stay, groups without rows go, and how many are left is said."""
    shown = visit(page("matrix")).page
    rows = shown.locator("#matrix-0 tbody tr:visible")
    assert rows.count() == 5  # three layers in two groups
    shown.get_by_label("Only rows with").first.fill("elu alpha")
    assert rows.all_inner_texts()[0].strip() == "perceptrons"
    assert rows.count() == 2
    assert shown.locator("#part-1 output").inner_text() == "1 of 3 rows"
    shown.get_by_label("Only rows with").first.fill("")
    shown.get_by_label("only where one is not right").check()
    assert rows.count() == 2
    assert "Conv1d(padding='same')" in rows.all_inner_texts()[1]


@pytest.mark.parametrize("has_clipboard", [True, False])
def test_a_script_is_copied(visit, has_clipboard: bool) -> None:  # type: ignore[no-untyped-def]
    """At a click or with the keyboard, to the last letter; where the clipboard is kept away, the old way."""
    report = verify_report()
    shown = visit(verify_page(report), permissions=["clipboard-read", "clipboard-write"])
    shown.page.evaluate("navigator.clipboard.writeText('something else')")
    if not has_clipboard:
        shown.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('kept away')); }")
    button = shown.page.get_by_label("Copy: the script of finding 1", exact=True)
    button.focus()
    shown.page.keyboard.press("Enter")
    shown.page.wait_for_function("button => button.textContent === 'Copied'", arg=button.element_handle())
    assert shown.page.evaluate("navigator.clipboard.readText()").rstrip() == report.findings[0].script.rstrip()
    assert shown.is_quiet


def test_without_scripts_everything_is_there(visit) -> None:  # type: ignore[no-untyped-def]
    """Only filters and buttons are missing, and they are not shown."""
    shown = visit(gate_page(gate_report()), java_script_enabled=False).page
    assert shown.locator("button:visible, input:visible").count() == 0
    shown.locator("summary").click()
    assert shown.locator("#cells tbody tr:visible").count() == 1
    assert shown.locator("article:visible").count() == 3


def test_the_worst_entry_is_framed(visit) -> None:  # type: ignore[no-untyped-def]
    """The frame lies on the square of the entry that the message names, in each of the three grids."""
    shown = visit(page("verify")).page
    for grid in shown.locator("#finding-1 .pictures svg").all():
        frame = grid.locator(".worst").last.bounding_box()
        square = grid.locator("rect", has_text="sample 1, output 1, 0.bias").first.bounding_box()
        assert frame is not None
        assert square is not None
        assert abs(frame["x"] - square["x"]) < 4
        assert abs(frame["y"] - square["y"]) < 4
