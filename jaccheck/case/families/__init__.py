"""Families of cases: their boundary cases and how random ones are drawn."""
