"""Small modules made as real architectures are, for methods that must cover them."""
