"""Which hosts an alert may be sent to, and a connection that goes to the address that was checked.

Addresses are configured by the operator and never come from data. Even so a slip, or somebody who may edit a
connection but not the network, must not turn alerts into a probe of the network behind: link-local addresses,
where clouds keep their credentials, are never reached, and private ones only where a setting names the host.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpcore

from include.errors import ConfigurationError, Outage

if TYPE_CHECKING:
    from typing import Any

_IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_SECONDS = 10.0
_TLS_PORT, _PLAIN_PORT = 443, 80


def checked_url(url: str, *, private_hosts: frozenset[str] = frozenset()) -> str:
    """Return the address if alerts may be posted there, as far as its text tells.

    Raises:
        ConfigurationError: it is neither https nor http on this machine, or its host may not be reached.
    """
    try:
        parts, port = urlsplit(url), urlsplit(url).port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    plain = parts.scheme == "http" and _is_this_machine(host)
    if not (host and port != 0 and (parts.scheme == "https" or plain)):
        shown = f"{parts.scheme or 'no scheme'}, host {host or 'missing'}"
        raise ConfigurationError(
            f"Alerts cannot be posted to an address like this ({shown}); give an https address, or http on "
            "this machine"
        )
    if (found := _literal(host)) is not None:
        _check(found, host, private_hosts)
    return url


def addresses_of(host: str, port: int, *, private_hosts: frozenset[str]) -> list[str]:
    """Return what a host's name stands for at this moment, if all of it may be reached.

    Raises:
        ConfigurationError: one of its addresses is link-local, or private and the setting does not name it.
        Outage: the name is not known.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Outage(f"The host {host} is not known ({error.strerror or type(error).__name__})") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        _check(ipaddress.ip_address(address.partition("%")[0]), host, private_hosts)
    return addresses


def post(url: str, *, body: bytes, headers: Mapping[str, str], private_hosts: frozenset[str]) -> int:
    """Post a JSON document and return the status. Redirects and proxies are not followed.

    The name is looked up once, and the connection goes to what was checked: a name that changes its address
    between the two leads nowhere else.

    Raises:
        ConfigurationError: the host may not be reached.
        Outage: it does not answer.
    """
    timeout = dict.fromkeys(("connect", "read", "write", "pool"), _SECONDS)
    sent: list[tuple[bytes | str, bytes | str]] = [("Content-Type", "application/json"), *headers.items()]
    try:
        with httpcore.ConnectionPool(network_backend=_Guarded(private_hosts)) as pool:
            answer = pool.request(
                "POST",
                checked_url(url, private_hosts=private_hosts),
                headers=sent,
                content=body,
                extensions={"timeout": timeout},
            )
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        # The error's own text may repeat the address, and many services put their secret into it.
        raise Outage(
            f"The webhook at {urlsplit(url).hostname} does not answer ({type(error).__name__})"
        ) from None
    return int(answer.status)


class _Guarded(httpcore.NetworkBackend):
    """Connects to hosts by the addresses that were checked."""

    def __init__(self, private_hosts: frozenset[str]) -> None:
        self._plain = httpcore.SyncBackend()
        self._private_hosts = private_hosts

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        *others, last = addresses_of(host, port, private_hosts=self._private_hosts)
        for address in others:
            try:
                return self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError:
                continue
        return self._plain.connect_tcp(last, port, timeout, local_address, socket_options)


def _literal(host: str) -> _IpAddress | None:
    """Return the address that a host's name spells, also in old spellings such as 2130706433."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.ip_address(socket.inet_aton(host))
    except (OSError, UnicodeEncodeError):
        return None


def _is_this_machine(host: str) -> bool:
    found = _literal(host)
    return host == "localhost" or (found is not None and _plain(found).is_loopback)


def _plain(address: _IpAddress) -> _IpAddress:
    """Return the IPv4 address that an IPv6 one wraps."""
    mapped = address.ipv4_mapped or address.sixtofour if address.version == 6 else None  # noqa: PLR2004
    return mapped or address


def _check(address: _IpAddress, host: str, private_hosts: frozenset[str]) -> None:
    found = _plain(address)
    if found.is_loopback:
        return
    if found.is_link_local or found.is_multicast or found.is_unspecified or found in _METADATA:
        raise ConfigurationError(
            f"Alerts are never sent to {host}: {found} is no address of a mail or chat service; correct it"
        )
    if not found.is_global and host.lower() not in private_hosts:
        raise ConfigurationError(
            f"Alerts are not sent to {host}: {found} is on a private network; if that is meant, name the "
            "host in AIRLOCK_PRIVATE_HOSTS"
        )


# Where clouds answer with credentials outside the link-local networks: Amazon's over IPv6, Alibaba's.
_METADATA = frozenset({ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200")})
