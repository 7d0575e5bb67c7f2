"""Run the command line with `python -m dispersa`."""

from dispersa.cli import main

main()
