"""From a factory reference to a captured model: worker, cache, snapshots and checkpoint files. Internal.

`bmvis.source.source` is the entry point: hosts and commands open a `Source` and ask it for models.
"""
