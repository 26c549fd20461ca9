"""The names of the private folder of a worker process, and of the folder of temporary files in it. Internal."""

PREFIX = "bmvis-"
TEMPORARY = "tmp"
NAME_PATTERN = rf"{PREFIX}[a-z0-9_]{{8}}[\\/]{TEMPORARY}"
"""A regular expression for the folder of temporary files, relative to that of the docs build."""
