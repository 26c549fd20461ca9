"""Hostile factories by kind; each is a body of `build()` with the expected result."""

from hostile import files, interpreter, models, process, values

KINDS = [*process.KINDS, *files.KINDS, *interpreter.KINDS, *models.KINDS, *values.KINDS]
