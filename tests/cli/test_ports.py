"""Free ports of this machine."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from cli import ports
from cli.ports import free_ports, is_free
from include.errors import Outage


def test_free_ports_are_different_free_and_no_outgoing_connection_gets_one() -> None:
    found = free_ports(50)
    assert len(set(found)) == 50
    assert all(is_free(port) for port in found)
    assert max(found) < ports._first_ephemeral()


def test_a_port_that_is_taken_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    [port] = free_ports(1)
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", port))
        assert not is_free(port)
        monkeypatch.setattr(ports, "_drawn", lambda: iter([port] * 9))
        with pytest.raises(Outage, match=r"1 free ports of 127\.0\.0\.1 were not found"):
            free_ports(1)
