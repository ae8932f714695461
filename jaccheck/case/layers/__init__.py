"""Layers as plain data, one class each: options, shapes, parameters, sizes, torch's call, diagram and strategy.

Everything is imported here, so that `Layer` knows all of its kinds wherever a case is read.
"""

from jaccheck.case.layers import activations, convolutions, features, nested, norms, pooling, sequences, views

__all__ = ["activations", "convolutions", "features", "nested", "norms", "pooling", "sequences", "views"]
