"""The command line `bmvis`: its commands are the public interface, these modules are internal."""

from bmvis.cli.commands import main

__all__ = ["main"]
