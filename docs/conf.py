"""How the documentation is built: `tox run -e docs`, or `sphinx-build -W -b html docs docs/_build/html`."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import re
import sys
import warnings
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent

project = "jaccheck"
author = "the jaccheck developers"
project_copyright = "2026, the jaccheck developers"
version = release = importlib.metadata.version("jaccheck")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
# Names of others in signatures lead to their pages. Where these cannot be reached, as on a machine without a network,
# one line says so, and there are no such links; JACCHECK_DOCS_OFFLINE=1 does not ask for them.
intersphinx_mapping = (
    {}
    if os.environ.get("JACCHECK_DOCS_OFFLINE")
    else {
        "backpack": ("https://docs.backpack.pt/en/master/", None),
        "hypothesis": ("https://hypothesis.readthedocs.io/en/latest/", None),
        "python": ("https://docs.python.org/3/", None),
        "torch": ("https://docs.pytorch.org/docs/stable/", None),
    }
)
intersphinx_timeout = 10
exclude_patterns = ["_build", "tutorials/*.rst"]
templates_path: list[str] = []

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
# What a session prints is no language, and some blocks are shortened with an ellipsis.
highlight_language = "none"
smartquotes = False  # options of the command line begin with two hyphens
suppress_warnings = ["config.cache"]  # sphinx-gallery's functions in the configuration cannot be pickled

# BackPACK's own documentation has this theme and this gallery.
html_theme = "sphinx_rtd_theme"
html_theme_options = {"navigation_depth": 2}
html_title = f"jaccheck {release}"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["wide.css"]

# Docstrings mark code as Markdown does, with single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True

# Prompts and what is printed are left out where a session is copied.
copybutton_prompt_text = "$ "

# torch says so of BackPACK's hooks on every call; no reader can act on it.
warnings.filterwarnings("ignore", message="Full backward hook is firing")

sphinx_gallery_conf = {
    "examples_dirs": "tutorials",
    "gallery_dirs": "generated",
    "filename_pattern": "/plot_",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "within_subsection_order": "FileNameSortKey",
}

OUTSIDE = re.compile(r"\[([^\]]*)\]\(\.\./([^)#]*)(#[^)]*)?\)")
"""A link from a document to a file of the repository that is no page of the documentation."""


def _name_files_outside(app: Sphinx, docname: str, source: list[str]) -> None:
    """Such links work where documents are read in the repository; in the built pages they become the file's name."""
    source[0] = OUTSIDE.sub(
        lambda match: match[1] if f"`{match[2]}`" in match[1] else f"{match[1]} (`{match[2]}`)", source[0]
    )


def _link_to_pages(app: Sphinx, path: Path, docname: str, content: list[str]) -> None:
    """Where a page is a document of the root, its links to other such documents lead to their pages."""
    content[0] = re.sub(
        r"\]\(([A-Z]+)\.md",
        lambda match: f"](docs/{match[1].lower()}.md" if (HERE / f"{match[1].lower()}.md").exists() else match[0],
        content[0],
    )


UNREACHED: set[str] = set()
"""Hosts of inventories that could not be reached."""


def _is_no_inventory(record: logging.LogRecord) -> bool:
    """Keeps what says that an inventory could not be reached: it is no fault of the pages, and fails no build."""
    if record.levelno < logging.WARNING or "inventor" not in str(record.msg):
        return True
    UNREACHED.update(re.findall(r"https://([^/'\" ]+)", record.getMessage()))
    return False


def _tell_unreached(app: Sphinx, error: Exception | None) -> None:
    """In one line, at the end."""
    if UNREACHED:
        hosts = ", ".join(sorted(UNREACHED))
        print(f"docs: no links to the names of others, since these could not be reached: {hosts}", file=sys.stderr)


def setup(app: Sphinx) -> None:
    """What Sphinx calls with itself."""
    logging.getLogger("sphinx.sphinx.ext.intersphinx").addFilter(_is_no_inventory)
    app.connect("build-finished", _tell_unreached)
    app.connect("source-read", _name_files_outside)
    app.connect("include-read", _link_to_pages)
