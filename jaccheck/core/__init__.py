"""Plain data and JSON, text that is safe to print, clocks, and memory that is filled on purpose.

Other rooms import from here. Names are looked up when they are first used: `__init__.pyi` lists them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
