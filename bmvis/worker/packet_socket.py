"""Connected sockets that wait, whatever the default of the process is."""

from __future__ import annotations

import socket

MAX_MESSAGE = 200_000
"""Maximum size of a message in bytes: the default send buffer of a socket."""


def packet_socket_pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets that keep the borders of messages, without a timeout.

    `socket.setdefaulttimeout`, which Sphinx's linkcheck calls, makes new sockets non-blocking. The mode belongs to the
    open file, so that a process that inherits the socket could not wait for a message.
    """
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for one in pair:
        one.settimeout(None)
    return pair
