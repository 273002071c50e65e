"""Alerts by e-mail, through one configured mail server."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from include.alerts.reaching import addresses_of
from include.errors import ConfigurationError, Outage

if TYPE_CHECKING:
    from include.alerts.message import Message

_SECONDS = 10.0
_PORTS = {"smtp": 25, "smtps": 465}
_PERMANENT = 500
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


class MailChannel:
    """A plain text to a list of people.

    A server that offers TLS is spoken to with it. A password is sent over TLS only, unless the server is on
    this machine.

    Args:
        server: `smtp://user:password@host:587` or `smtps://...`; user and password may be missing.
        sender: address that the mails come from.
        receivers: addresses that they go to.
        private_hosts: names of hosts on private networks that may be reached.

    Raises:
        ConfigurationError: this is no mail server, or nobody is named.
    """

    def __init__(
        self,
        server: str,
        *,
        sender: str,
        receivers: list[str],
        private_hosts: frozenset[str] = frozenset(),
    ) -> None:
        parts = urlsplit(server)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ConfigurationError(
                f"Alerts cannot be mailed through an address like this ({parts.scheme or 'no scheme'}, host "
                f"{parts.hostname or 'missing'}); give smtp://user:password@host:587 or smtps://..."
            )
        if not receivers:
            raise ConfigurationError(
                "A mail server is set and nobody to write to: name AIRLOCK_ALERT_MAIL_TO"
            )
        self._tls, self._host = parts.scheme == "smtps", parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._login = (unquote(parts.username or ""), unquote(parts.password or ""))
        self._sender, self._receivers, self._private_hosts = sender, receivers, private_hosts

    def send(self, message: Message) -> None:
        mail = self._worded(message)
        addresses_of(self._host, self._port, private_hosts=self._private_hosts)
        try:
            with self._connected() as server:
                server.send_message(mail, self._sender, self._receivers)
        except smtplib.SMTPAuthenticationError as error:
            raise ConfigurationError(
                f"The mail server {self._host} does not take the login ({error.smtp_code}); correct it"
            ) from None
        except smtplib.SMTPRecipientsRefused as error:
            codes = sorted({code for code, _ in error.recipients.values()})
            raise _refusal(self._host, codes[-1]) from None
        except smtplib.SMTPResponseException as error:
            raise _refusal(self._host, error.smtp_code) from None
        except (smtplib.SMTPException, OSError) as error:
            raise Outage(f"The mail server {self._host} does not answer ({type(error).__name__})") from None

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        context = ssl.create_default_context()
        if self._tls:
            opened: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=_SECONDS, context=context)
        else:
            opened = smtplib.SMTP(self._host, self._port, timeout=_SECONDS)
        with opened as server:
            server.ehlo()
            if not self._tls and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            elif not self._tls and self._login[0] and self._host not in _THIS_MACHINE:
                raise ConfigurationError(
                    f"The mail server {self._host} offers no TLS, so the password is not sent; use smtps://"
                )
            if self._login[0]:
                server.login(*self._login)
            yield server

    def _worded(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        # A header is one line, whatever a title may hold.
        mail["Subject"] = " ".join(f"[{message.severity}] {message.title}".split())
        mail["From"], mail["To"] = self._sender, ", ".join(self._receivers)
        # The same notice has the same id: readers show a mail that was sent twice once.
        mail["Message-ID"] = f"<{message.id}@airlock>"
        mail.set_content(message.text)
        return mail


def _refusal(host: str, code: int) -> ConfigurationError | Outage:
    if code < _PERMANENT:
        return Outage(f"The mail server {host} takes no mail at the moment ({code})")
    return ConfigurationError(
        f"The mail server {host} refuses alerts with {code}; correct AIRLOCK_ALERT_MAIL_FROM, "
        "AIRLOCK_ALERT_MAIL_TO or the connection"
    )
