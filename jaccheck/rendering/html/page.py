"""`render`: a template filled in; everything is escaped, and what cannot be seen is made visible."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from jinja2 import Environment as Templates
from jinja2 import PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from jaccheck.core import printable
from jaccheck.reports import ClusterUse, Environment

Tone = Literal["good", "bad", "warn"]


@dataclass(frozen=True, slots=True)
class Head:
    """What the first screen says: the answer in a sentence, what it rests on, what it was made with."""

    command: str
    tone: Tone
    answer: str
    lead: str
    figures: tuple[tuple[str, str], ...]
    """A name and a value each, the most telling first."""
    facts: tuple[tuple[str, str], ...]
    """Versions, devices, options."""


def render(template: str, head: Head, **values: object) -> str:
    """The page that a template makes of the values. Its own script is the only one that a browser will run in it."""
    templates = _templates()
    script = templates.get_template("script.js").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return templates.get_template(template).render(head=head, script=Markup(script), script_digest=digest, **values)


def cluster_facts(use: ClusterUse | None) -> tuple[tuple[str, str], ...]:
    """Who judged, where that was a cluster."""
    return (("cluster", str(use)),) if use else ()


def environment_facts(environment: Environment) -> tuple[tuple[str, str], ...]:
    """Versions and devices, a name and a value each."""
    devices = ", ".join(f"{name} ({text})" if text else name for name, text in environment.devices.items())
    return (
        ("torch", environment.torch_said),
        ("BackPACK", environment.backpack_said),
        ("devices", devices or "none"),
        ("Python", environment.python),
        ("numpy", environment.numpy),
        ("Hypothesis", environment.hypothesis),
        ("jaccheck", environment.jaccheck),
        ("platform", environment.platform),
    )


def visible(value: object) -> object:
    """Text with what a reader cannot see, or what only turns other text around, written out."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def python(source: str) -> Markup:
    """Python source with a class for each kind of word, escaped."""
    shown = printable(source.rstrip())
    return Markup(highlight(shown, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)))


def breakable(text: str) -> Markup:
    """Text that a narrow column may break after an underscore or a slash, escaped."""
    return Markup(re.sub(r"([_/])(?=\w)", r"\1<wbr>", str(escape(visible(text)))))


def together(text: str) -> Markup:
    """Text that is not broken between a number and its unit, escaped."""
    return Markup(re.sub(r"(?<=\d) (?=(s|ms|µs|min|h|[KMGT]?i?B)\b|%|×)", "&nbsp;", str(escape(visible(text)))))


@cache
def _templates() -> Templates:
    templates = Templates(
        loader=PackageLoader("jaccheck.rendering.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    templates.filters |= {"breakable": breakable, "python": python, "together": together}
    return templates
