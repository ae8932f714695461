"""Rules: for a function of torch that takes parameters, their Jacobians from the derivative δ by what it returned."""
