"""A user's model as the oracle sees it, in parts that fit the memory."""
