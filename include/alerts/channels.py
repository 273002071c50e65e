"""Where alerts go. A channel takes a message and raises `Outage` when it could not be delivered."""

from __future__ import annotations

import ipaddress
import logging
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from include.errors import ConfigurationError, Outage

if TYPE_CHECKING:
    from include.alerts.message import Message

_LOGGER = logging.getLogger("airlock.alerts")
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}
_SECONDS = 10.0
_SERVER_ERROR = 500
_TOO_MANY = 429


class Channel(Protocol):
    """One way to reach people."""

    def send(self, message: Message) -> None:
        """Deliver a message.

        Raises:
            Outage: it was not delivered; a later try may succeed.
            ConfigurationError: it cannot be delivered as the channel is configured.
        """


class LogChannel:
    """The task's log."""

    def send(self, message: Message) -> None:
        _LOGGER.log(_LEVELS[message.severity], "%s", message.text)


class WebhookChannel:
    """A JSON document posted to one configured address.

    The address comes from the installation's settings or Airflow connection, never from data. It is not
    shown in errors, because many services put their secret into it. Redirects are not followed: they would
    lead to an address that nobody configured.

    Args:
        address: https, or http on this machine.
    """

    def __init__(self, address: str) -> None:
        self._address = checked_address(address)

    def send(self, message: Message) -> None:
        import httpx

        host = urlsplit(self._address).hostname
        body = {"text": message.text, **message.model_dump()}
        try:
            answer = httpx.post(
                self._address,
                json=body,
                headers={"Idempotency-Key": message.id},
                timeout=_SECONDS,
                follow_redirects=False,
                trust_env=False,
            )
        except httpx.HTTPError as error:
            raise Outage(f"The webhook at {host} does not answer ({type(error).__name__})") from None
        if answer.status_code >= _SERVER_ERROR or answer.status_code == _TOO_MANY:
            raise Outage(f"The webhook at {host} answered {answer.status_code}")
        if not answer.is_success:
            raise ConfigurationError(
                f"The webhook at {host} refuses alerts with {answer.status_code}; correct its address in "
                "AIRLOCK_ALERT_WEBHOOK_URL or the Airflow connection"
            )


def checked_address(address: str) -> str:
    """Return the address if alerts may be posted there.

    Raises:
        ConfigurationError: it is neither https nor http on this machine.
    """
    parts = urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return address
    if parts.scheme == "http" and _is_loopback(parts.hostname):
        return address
    shown = f"{parts.scheme or 'no scheme'}, host {parts.hostname or 'missing'}"
    raise ConfigurationError(
        f"Alerts cannot be posted to an address like this ({shown}); give an https address, or http on this "
        "machine"
    )


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
