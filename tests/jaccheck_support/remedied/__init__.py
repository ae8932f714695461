"""Models on which a method fails, and the same mended: what the table of remedies is tested with."""
