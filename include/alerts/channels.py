"""Where alerts go. A channel takes a message and raises `Outage` when it could not be delivered."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from include.errors import ConfigurationError, Outage

if TYPE_CHECKING:
    from include.alerts.message import Message

_LOGGER = logging.getLogger("airlock.alerts")
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}
_OK, _SERVER_ERROR = range(200, 300), 500
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
        private_hosts: names of hosts on private networks that may be reached.

    Raises:
        ConfigurationError: alerts may not be posted to such an address.
    """

    def __init__(self, address: str, *, private_hosts: frozenset[str] = frozenset()) -> None:
        from include.alerts.reaching import checked_url

        self._address = checked_url(address, private_hosts=private_hosts)
        self._private_hosts = private_hosts

    def send(self, message: Message) -> None:
        from include.alerts.reaching import post

        host = urlsplit(self._address).hostname
        body = json.dumps(self.body(message)).encode()
        headers = {"Idempotency-Key": message.id}
        status = post(self._address, body=body, headers=headers, private_hosts=self._private_hosts)
        if status >= _SERVER_ERROR or status == _TOO_MANY:
            raise Outage(f"The webhook at {host} answered {status}")
        if status not in _OK:
            raise ConfigurationError(
                f"The webhook at {host} refuses alerts with {status}; correct its address in "
                "AIRLOCK_ALERT_WEBHOOK_URL, AIRLOCK_ALERT_SLACK_URL or the Airflow connection"
            )

    def body(self, message: Message) -> dict[str, object]:
        """Return the document: a text for a chat and the parts beside it."""
        return {"text": message.text, **message.model_dump()}


class SlackChannel(WebhookChannel):
    """An incoming webhook of Slack, which takes a text alone and gives some signs a meaning."""

    def body(self, message: Message) -> dict[str, object]:
        text = message.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return {"text": text}
