"""Keep the end of the output of a process."""

from __future__ import annotations

MAX_BYTES = 4096
"""Size of the end that is kept: a traceback, or some lines of a log."""


class OutputTail:
    """The last `MAX_BYTES` of an output, which can come in pieces of any size.

    Examples:
        >>> tail = OutputTail()
        >>> tail.append(b"loading ")
        >>> tail.append(b"weights")
        >>> bytes(tail)
        b'loading weights'
    """

    def __init__(self) -> None:
        self._kept = bytearray()

    def append(self, piece: bytes) -> None:
        """Add output, and drop what is no longer part of the end."""
        self._kept += piece
        del self._kept[:-MAX_BYTES]

    def __bytes__(self) -> bytes:
        return bytes(self._kept)
