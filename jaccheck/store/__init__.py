"""Runs on disk: what was asked, what is done, what was found. Killed at any moment, a run goes on where it was."""
