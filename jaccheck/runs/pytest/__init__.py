"""The conformance tests as pytest runs them."""
