"""Build a model in a worker, without a `Source`."""

from pathlib import Path

from bmvis.worker.client import Worker
from bmvis.worker.protocol import Built, Request
from bmvis.worker.reply_errors import answered


def build(worker: Worker, reference: str, path: Path, *, allow: tuple[str, ...] = ("*",)) -> Built:
    """Build a model of a module in `path`, and raise the error if it fails."""
    built = answered(worker.reply(Request(0, reference, "auto", (str(path),), allow=allow)))
    assert isinstance(built, Built)
    return built
