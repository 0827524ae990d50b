"""`python -m runback_gate`: the same as the console script. The container starts it this way, with `-I`."""

from runback_gate.cli import main

main()
