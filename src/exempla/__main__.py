"""`python -m exempla` is the same as `exempla`."""

from exempla.cli import main

main()
