"""Layers as plain data: their options, shape rules, parameters, sizes and torch calls."""
