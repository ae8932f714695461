"""`python -m jaccheck`."""

from jaccheck.cli import main

main()
