"""Ports of this machine for servers that nobody named one for."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from include.errors import Outage

_FIRST, _TRIES = 10_000, 1000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_EPHEMERAL = 32_768


def free_ports(count: int) -> list[int]:
    """Return loopback ports that were all free at the same moment.

    They lie below those that the system gives to outgoing connections: one of them would be lost to any
    program that calls another one between this answer and the server's start.

    Raises:
        Outage: no more are free.
    """
    with ExitStack() as held:
        found: list[int] = []
        for port in _drawn():
            if len(found) == count:
                return found
            probe = held.enter_context(closing(socket.socket()))
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
    raise Outage(
        f"{count} free ports of 127.0.0.1 were not found in {_TRIES} tries; end servers that nobody needs."
    )


def is_free(port: int) -> bool:
    """Return whether a server could listen on a port."""
    with closing(socket.socket()) as probe:
        # As the servers do: the port of a connection that ended a moment ago counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False


def _drawn() -> Iterator[int]:
    # From the system: programs side by side that were seeded alike would draw the same ones.
    drawn = random.SystemRandom()
    for _ in range(_TRIES):
        yield drawn.randrange(_FIRST, _first_ephemeral())


def _first_ephemeral() -> int:
    """Return the first port of outgoing connections; the usual one where none is said."""
    with suppress(OSError):
        first = int(_EPHEMERAL.read_text().split()[0])
        if first > _FIRST + _TRIES:
            return first
    return _USUAL_EPHEMERAL
