"""The self-test: the checks on mutants, which are wrong on purpose, and on methods that are right.

Other rooms import from here. Names are looked up when they are first used: `__init__.pyi` lists them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
