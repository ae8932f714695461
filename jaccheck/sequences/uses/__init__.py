"""Whole uses of BackPACK on networks of many layers: odd ways of calling it, and what must come of each."""
