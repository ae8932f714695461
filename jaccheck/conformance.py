"""Conformance: every law on every case, as pytest tests. `pytest --pyargs jaccheck.conformance` runs it on all methods.

In the test file of a package with a method of its own, one line does the same for that method:

    test_my_method = conforms("my_package.my_module:my_method")

Importing this module loads neither torch nor hypothesis; collecting its tests does.
"""

from jaccheck.runs import Conformance, conforms

__all__ = ["Conformance", "conforms", "every_method"]

every_method = Conformance()
"""The tests of all installed methods; a test file that imports this name runs them too."""
