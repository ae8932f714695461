"""What pytest accepts only here: plugins for all tests. Fixtures stand in tests/conftest.py."""

pytest_plugins = ("pytester",)
