"""Random sequences of calls on live models: a state machine, what must hold, and the scripts that it makes.

Other rooms import from here. Names are looked up when they are first used: `__init__.pyi` lists them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
