"""Turn the failure that a worker replies with into an error."""

from __future__ import annotations

from bmvis.errors import (
    BY_KIND,
    BmvisError,
    DetectorError,
    FactoryError,
    InvalidReferenceError,
    OptionError,
    WorkerError,
)
from bmvis.worker.protocol import Built, Failed, Listed, Reply

_OF_WORKER = {DetectorError, FactoryError, InvalidReferenceError, OptionError, WorkerError}
"""What a worker replies with. User code can write replies, so another class is not made from one."""


def answered(reply: Reply) -> Built | Listed:
    """Return a reply that is not a failure.

    Raises:
        BmvisError: the request failed.
    """
    if not isinstance(reply, Failed):
        return reply
    cls = BY_KIND.get(reply.kind, BmvisError)
    error = (cls if cls in _OF_WORKER else BmvisError)(reply.message, hint=reply.hint, detail=reply.detail)
    error.dependencies = reply.dependencies
    raise error
