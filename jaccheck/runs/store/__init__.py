"""Runs on disk: what was asked, what is done, what was found. A run that was killed is resumed from here."""
