"""`python -m gateway`."""

from gateway.cli.program import main

main()
