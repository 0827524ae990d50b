"""`python -m runback_gate.cli`: the same as the console script."""

from runback_gate.cli import main

main()
