"""Verification of batched Jacobians: cases, methods, an oracle with proven bounds, laws, verdicts.

Names are looked up when they are first used, so importing the package loads neither torch nor hypothesis.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
