"""Factories that do what a factory must not do, by kinds; each is a body of `build()`, and what comes of it."""

from hostile import files, interpreter, models, process

KINDS = [*process.KINDS, *files.KINDS, *interpreter.KINDS, *models.KINDS]
