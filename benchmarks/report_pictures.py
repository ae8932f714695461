"""Makes the pictures of reports in docs/reports.md, in Chromium: `python benchmarks/report_pictures.py docs/pictures`.

A run with mutants, and the support matrix of the docs. It takes about two minutes.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from jaccheck.core import from_json, read_text
from jaccheck.rendering import matrix_page
from jaccheck.reports import MatrixReport

MUTANTS = ("transposed_square_weight", "layers_of_same_shape_swapped", "leaked_hook")
VERIFY = ("verify", "--method", "hooks", "--family", "square", "--family", "repeated_shapes", "--family", "smooth")
LIMITS = ("--max-examples", "60", "--seed", "1", "--quiet", "--report", "verify.html")
MATRIX = Path(__file__).parents[1] / "docs" / "support-matrix.json"

# Name, page, what is shown, width of the window, light or dark.
PICTURES = (
    ("report-verify", "verify", "", 1100, "light"),
    ("report-finding", "verify", ".finding:has(.pictures)", 1100, "light"),
    ("report-matrix", "matrix", "#part-1", 1100, "dark"),
)


def main(target: Path) -> None:
    """Writes the pictures into the folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chosen = [option for mutant in MUTANTS for option in ("--method", f"mutant:{mutant}")]
        command = [sys.executable, "-m", "jaccheck", *VERIFY, *chosen, *LIMITS]
        print("jaccheck", *command[3:])
        if subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL).returncode != 1:
            sys.exit("the mutants were not found")
        matrix = from_json(MatrixReport, read_text(MATRIX), where=str(MATRIX))
        (folder / "matrix.html").write_text(matrix_page(matrix), encoding="utf-8")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for picture, page, part, width, scheme in PICTURES:
                path = target / f"{picture}.png"
                path.write_bytes(small(shot(browser, folder / f"{page}.html", part, width, scheme)))
                print(f"{path}: {path.stat().st_size:,} bytes")
            browser.close()


def shot(browser: Browser, page: Path, part: str, width: int, scheme: str) -> bytes:
    """A part of a page, or its first screen."""
    context = browser.new_context(viewport={"width": width, "height": 820}, color_scheme=scheme)  # type: ignore[arg-type]
    shown = context.new_page()
    shown.goto(page.as_uri())
    if page.stem == "matrix":
        shown.get_by_label("only where one is not right").check()
    if not part:
        return shown.screenshot()
    whole = shown.locator(part).first.bounding_box()
    assert whole is not None
    return shown.screenshot(full_page=True, clip={**whole, "height": min(whole["height"], 900)})  # type: ignore[typeddict-item]


def small(picture: bytes) -> bytes:
    """The picture with 64 colours, which is all that a page has."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
