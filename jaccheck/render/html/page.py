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

from jaccheck.report import Environment

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


def environment_facts(environment: Environment) -> tuple[tuple[str, str], ...]:
    """Versions and devices, a name and a value each."""
    devices = ", ".join(f"{name} ({text})" if text else name for name, text in environment.devices.items())
    return (
        ("torch", environment.torch),
        ("BackPACK", environment.backpack or "not installed"),
        ("devices", devices or "none"),
        ("Python", environment.python),
        ("numpy", environment.numpy),
        ("Hypothesis", environment.hypothesis),
        ("jaccheck", environment.jaccheck),
        ("platform", environment.platform),
    )


_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
_DIRECTIONS = re.compile(r"[\u061c\u200b-\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def visible(value: object) -> object:
    """Text without what HTML cannot hold, and with characters that only turn or hide others written out by number."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _DIRECTIONS.sub(lambda match: f"⟨U+{ord(match.group()):04X}⟩", _CONTROLS.sub("\ufffd", value))


def python(source: str) -> Markup:
    """Python source with a class for each kind of word, escaped."""
    shown = visible(source.rstrip())
    return Markup(highlight(str(shown), PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)))


def breakable(text: str) -> Markup:
    """Text that a narrow column may break after an underscore or a slash, escaped."""
    return Markup(re.sub(r"([_/])(?=\w)", r"\1<wbr>", str(escape(visible(text)))))


@cache
def _templates() -> Templates:
    templates = Templates(
        loader=PackageLoader("jaccheck.render.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    templates.filters |= {"breakable": breakable, "python": python}
    return templates
