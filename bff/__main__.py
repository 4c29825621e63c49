"""`python -m bff` does what `bff` does."""

from bff.cli import main

main()
