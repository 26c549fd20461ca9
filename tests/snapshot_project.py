"""A project with two models that snapshots record."""

from click.testing import CliRunner

from bmvis.cli import main

PYPROJECT = """
[tool.bmvis.models]
small = "zoo:build(size=2)"
big = {reference = "zoo:build(size=3)", device = "cpu"}
"""
ZOO = """
from torch import nn
WIDTH, FROZEN = 1, False

def build(size):
    return nn.Sequential(*(nn.Linear(size, WIDTH).requires_grad_(not FROZEN) for _ in range(4)))
"""


def run(*arguments):
    """Run a command of bmvis in this process."""
    return CliRunner().invoke(main, arguments)
