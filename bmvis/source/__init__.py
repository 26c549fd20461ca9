"""Get a captured model for a reference: worker, cache, snapshots and checkpoint files. Internal.

`bmvis.source.source` is the entry point: hosts and commands open a `Source` and request models from it.
"""
