"""Findings as scripts that need no jaccheck."""
