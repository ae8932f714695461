"""JUnit documents as text that every parser reads, whatever stood in the files that they tell of."""

from __future__ import annotations

from junitparser import JUnitXml

from jaccheck.core import printable


def xml_text(document: JUnitXml) -> str:
    """The XML text, counts included. XML has no way to write most control characters: they are written out."""
    document.update_statistics()  # type: ignore[no-untyped-call]
    for element in document._elem.iter():
        element.text = element.text and printable(element.text)
        for name, value in element.attrib.items():
            element.set(name, printable(value))
    text: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return text.decode()
