"""The conformance tests as pytest runs them: what is checked, how verdicts are shared, what is told at the end."""
