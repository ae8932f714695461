"""Findings as scripts that need no jaccheck."""

from jaccheck.scripts.script import write_script

__all__ = ["write_script"]
