"""Turn the failure that a worker replies with into an error."""

from __future__ import annotations

from collections.abc import Mapping

from bmvis.errors import BmvisError, DetectorError, FactoryError, InvalidReferenceError, OptionError, WorkerError
from bmvis.worker.protocol import Built, Failed, Listed, Reply

_KINDS: Mapping[str, type[BmvisError]] = {
    cls.kind: cls for cls in (DetectorError, FactoryError, InvalidReferenceError, OptionError, WorkerError)
}


def answered(reply: Reply) -> Built | Listed:
    """Return a reply that is not a failure.

    Raises:
        BmvisError: the request failed.
    """
    if not isinstance(reply, Failed):
        return reply
    error = _KINDS.get(reply.kind, BmvisError)(reply.message, hint=reply.hint, detail=reply.detail)
    error.dependencies = reply.dependencies
    raise error
