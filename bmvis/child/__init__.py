"""The worker process: builds models, so that a docs build need not import torch. Internal; started, never imported.

`bmvis.worker` starts `bmvis.child.server` and exchanges messages with it (`bmvis.worker.protocol`).
"""
