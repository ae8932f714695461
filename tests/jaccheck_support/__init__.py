"""What several test files share. Not installed: pytest puts `tests` on the path."""
