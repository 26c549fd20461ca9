"""The environment variables of a worker process."""

from __future__ import annotations

import os

from bmvis.worker.worker_folder import WorkerFolder


def worker_environment(folder: WorkerFolder) -> dict[str, str]:
    """Return the environment of a worker whose files are in a folder."""
    return {
        **os.environ,
        **folder.environment,
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",  # the default encoding of `open` does not depend on the locale
    }
