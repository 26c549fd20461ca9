"""Run the command line: `python -m bmvis`."""

from bmvis.cli import main

main(prog_name="bmvis")
