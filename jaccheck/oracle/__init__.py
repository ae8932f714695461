"""The closed-form reference in float64 with its proven bounds; numpy only, so that it shares no kernel with torch.

Other rooms import from here. Names are looked up when they are first used: `__init__.pyi` lists them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
