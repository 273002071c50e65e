"""Mail and Slack, each against a real server on this machine."""

from __future__ import annotations

import base64
import json
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_string, policy
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from cli.ports import free_ports
from include.alerts.channels import SlackChannel
from include.alerts.mail import MailChannel
from include.errors import ConfigurationError, Outage
from tests.security.test_addresses import MESSAGE

NASTY = MESSAGE.model_copy(update={"title": "a\nBcc: evil@example.com", "what": ["<!channel> & <b>"]})


class Mailbox(socketserver.StreamRequestHandler):
    """As much of SMTP as one mail takes; the server's `answers` replace what a command is told."""

    def handle(self) -> None:
        self.told("220 here")
        while line := self.rfile.readline().decode().strip():
            command, _, rest = line.partition(" ")
            answers: dict[str, str] = self.server.answers  # type: ignore[attr-defined]
            if command.upper() == "EHLO":
                self.told("250-here", "250 AUTH PLAIN")
            elif answer := answers.get(command.upper()):
                self.told(answer)
            elif command.upper() == "AUTH":
                self.server.logins.append(base64.b64decode(rest.split()[1]).decode())  # type: ignore[attr-defined]
                self.told("235 welcome")
            elif command.upper() == "DATA":
                self.told("354 go on")
                lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                self.server.mails.append("".join(lines))  # type: ignore[attr-defined]
                self.told("250 taken")
            elif command.upper() == "QUIT":
                self.told("221 bye")
                return
            else:
                self.server.commands.append(line)  # type: ignore[attr-defined]
                self.told("250 fine")

    def told(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


@pytest.fixture
def mailbox() -> Iterator[socketserver.TCPServer]:
    with socketserver.TCPServer(("127.0.0.1", 0), Mailbox) as server:
        server.answers, server.logins, server.mails, server.commands = {}, [], [], []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def channel(server: socketserver.TCPServer, login: str = "") -> MailChannel:
    address = f"smtp://{login}127.0.0.1:{server.server_address[1]}"
    return MailChannel(address, sender="airlock@example.com", receivers=["a@example.com", "b@example.com"])


def test_a_mail_says_what_a_message_says_to_all_who_are_named(mailbox) -> None:
    channel(mailbox, "ann:s%2Fecret@").send(MESSAGE)
    assert mailbox.logins == ["\0ann\0s/ecret"]
    assert [
        line.split("<")[1].split(">")[0] for line in mailbox.commands if line.upper().startswith("RCPT")
    ] == [
        "a@example.com",
        "b@example.com",
    ]
    (text,) = mailbox.mails
    mail = message_from_string(text, policy=policy.default)
    assert mail["Subject"] == "[critical] flights 2013-02-08: a batch was refused"
    assert (mail["From"], mail["To"]) == ("airlock@example.com", "a@example.com, b@example.com")
    assert mail["Message-ID"] == "<n1@airlock>"
    assert mail.get_content().strip().replace("\r\n", "\n") == MESSAGE.text.strip()


def test_a_title_adds_no_header_and_nobody_to_the_receivers(mailbox) -> None:
    channel(mailbox).send(NASTY)
    mail = message_from_string(mailbox.mails[0], policy=policy.default)
    assert mail["Bcc"] is None
    assert mail["Subject"] == "[critical] a Bcc: evil@example.com"
    assert sum(line.upper().startswith("RCPT") for line in mailbox.commands) == 2


ANSWERS = {
    "full": ({"RCPT": "452 mailbox full"}, Outage, "takes no mail at the moment"),
    "unknown": ({"RCPT": "550 no such user"}, ConfigurationError, "refuses alerts with 550"),
    "the sender": ({"MAIL": "553 not you"}, ConfigurationError, "refuses alerts with 553"),
    "the content": ({"DATA": "451 try later"}, Outage, "takes no mail at the moment"),
    "the login": ({"AUTH": "535 wrong"}, ConfigurationError, "does not take the login"),
}


@pytest.mark.parametrize(("answers", "error", "said"), ANSWERS.values(), ids=ANSWERS)
def test_what_may_help_later_is_an_outage(mailbox, answers, error, said) -> None:
    mailbox.answers = answers
    with pytest.raises(error, match=said) as raised:
        channel(mailbox, "ann:s3cret@").send(MESSAGE)
    assert "s3cret" not in str(raised.value)


def test_a_server_that_is_down_is_an_outage_and_a_wrong_address_is_not() -> None:
    down = f"smtp://127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(Outage, match="does not answer"):
        MailChannel(down, sender="a@b.c", receivers=["a@b.c"]).send(MESSAGE)
    for address, receivers, said in (
        ("http://mail.example.com", ["a@b.c"], "cannot be mailed through"),
        ("smtp://", ["a@b.c"], "host missing"),
        ("smtp://mail.example.com", [], "AIRLOCK_ALERT_MAIL_TO"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            MailChannel(address, sender="a@b.c", receivers=receivers)


class Slack(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.headers["Content-Type"], json.loads(body)))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments: object) -> None:
        """Stay quiet."""


def test_slack_gets_a_text_in_which_nothing_means_more_than_it_says() -> None:
    with HTTPServer(("127.0.0.1", 0), Slack) as server:
        server.received = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        SlackChannel(f"http://127.0.0.1:{server.server_port}/services/T0/B0/x").send(NASTY)
        thread.join()
        ((kind, body),) = server.received  # type: ignore[attr-defined]
    assert kind == "application/json"
    assert set(body) == {"text"}
    assert "&lt;!channel&gt; &amp; &lt;b&gt;" in body["text"]
