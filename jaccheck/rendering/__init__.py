"""Reports for people and machines: text, pages, JUnit, Markdown, plots and pictures. Nothing is computed here.

Other rooms import from here. Names are looked up when they are first used: `__init__.pyi` lists them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
