"""Where Airlock may be led: alerts reach what an operator named, and never the network behind it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from include.alerts.channels import WebhookChannel
from include.alerts.mail import MailChannel
from include.alerts.message import Message
from include.alerts.reaching import checked_url
from include.errors import ConfigurationError, UseCaseError
from include.settings import PROJECT_ROOT, Settings
from include.storage import open_store
from include.use_case import read_use_case

MESSAGE = Message(
    id="n1",
    use_case="flights",
    gate="ingestion",
    kind="opened",
    severity="critical",
    partition="2013-02-08",
    since="2013-02-08",
    title="flights 2013-02-08: a batch was refused",
    what=["half of the flights are cancelled"],
    how_sure="a plain limit",
    to_do="",
    look_at=[],
)

# What a text alone tells: True where alerts may go, and who forbids it otherwise.
URLS = {
    "https://hooks.example.com/T0/B0": "",
    "https://10.0.0.7/hook": "AIRLOCK_PRIVATE_HOSTS",
    "https://chat.internal:8443/hook": "",
    "http://127.0.0.1:8000/hook": "",
    "http://localhost/hook": "",
    "http://[::1]:8000/": "",
    "http://[::ffff:127.0.0.1]/": "",
    "http://2130706433/": "",
    "http://169.254.169.254/latest/meta-data": "give an https address",
    "https://169.254.169.254/latest/meta-data": "never sent",
    "https://[::ffff:169.254.169.254]/": "never sent",
    "https://[fe80::1]/": "never sent",
    "https://[fd00:ec2::254]/": "never sent",
    "https://2852039166/": "never sent",
    "https://0xa9fea9fe/": "never sent",
    "https://100.100.100.200/": "never sent",
    "https://0.0.0.0/": "never sent",
    "https://224.0.0.1/": "never sent",
    "https://192.168.1.1:8080/": "AIRLOCK_PRIVATE_HOSTS",
    "https://[fc00::1]/": "AIRLOCK_PRIVATE_HOSTS",
    "https://100.64.0.1/": "AIRLOCK_PRIVATE_HOSTS",
    "http://hooks.example.com/": "give an https address",
    "http://127.0.0.1.example.com/": "give an https address",
    "http://user@example.com:80@127.0.0.1.evil.example/": "give an https address",
    "https://example.com:99999/": "give an https address",
    "https://[::1": "give an https address",
    "file:///etc/passwd": "give an https address",
    "gopher://127.0.0.1/": "give an https address",
    "https:///nowhere": "give an https address",
    "": "give an https address",
}


@pytest.mark.parametrize(("url", "refused"), URLS.items())
def test_what_the_text_of_an_address_tells(url: str, refused: str) -> None:
    if not refused:
        assert checked_url(url) == url
        return
    with pytest.raises(ConfigurationError, match=refused):
        checked_url(url)


def test_a_private_host_is_reached_where_the_operator_names_it_and_metadata_never() -> None:
    named = frozenset({"10.0.0.7", "169.254.169.254"})
    assert checked_url("https://10.0.0.7/hook", private_hosts=named)
    with pytest.raises(ConfigurationError, match="never sent"):
        checked_url("https://169.254.169.254/", private_hosts=named)
    settings = Settings(_env_file=None, private_hosts=" 10.0.0.7, Chat.Internal ")
    assert settings.reachable_hosts == {"10.0.0.7", "chat.internal"}


class Trap(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.posts += 1  # type: ignore[attr-defined]
        self.send_response(302)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")  # type: ignore[attr-defined]
        self.end_headers()

    def do_GET(self) -> None:
        self.server.gets += 1  # type: ignore[attr-defined]

    def log_message(self, *arguments: object) -> None:
        """Stay quiet."""


@pytest.fixture
def trap() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Trap) as server:
        server.posts = server.gets = 0  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _names(monkeypatch: pytest.MonkeyPatch, answers: list[str]) -> None:
    """Let every name stand for one address after the other, the last one for good."""

    def looked_up(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        later = answers.pop(0) if len(answers) > 1 and not host[0].isdigit() else answers[0]
        address = host if host[0].isdigit() else later
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)


@pytest.mark.parametrize(
    ("address", "said"), [("169.254.169.254", "never sent"), ("10.1.2.3", "AIRLOCK_PRIVATE_HOSTS")]
)
def test_a_name_that_stands_for_a_forbidden_address_is_not_connected_to(
    address: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _names(monkeypatch, [address])
    with pytest.raises(ConfigurationError, match=said):
        WebhookChannel("https://hooks.example.com/T0").send(MESSAGE)
    mail = MailChannel("smtp://mail.example.com:587", sender="a@b.c", receivers=["d@e.f"])
    with pytest.raises(ConfigurationError, match=said):
        mail.send(MESSAGE)


def test_a_name_that_changes_its_address_leads_to_the_one_that_was_checked(
    trap: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _names(monkeypatch, ["127.0.0.1", "169.254.169.254"])
    with pytest.raises(ConfigurationError, match="refuses alerts with 302"):
        WebhookChannel(f"http://localhost:{trap.server_port}/hook").send(MESSAGE)
    assert (trap.posts, trap.gets) == (1, 0), "the redirect was followed, or another address was asked"  # type: ignore[attr-defined]


@pytest.mark.parametrize("url", ["http://example.com/data", "https://10.0.0.7/x", "ftp://h/x", "gs://b/x"])
def test_files_come_from_folders_and_s3_alone(url: str, settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="neither a folder nor s3"):
        open_store(url, settings)


@pytest.mark.parametrize(
    "path", ["http://169.254.169.254/{partition}", "s3://other/{partition}", "file:///etc/{partition}"]
)
def test_a_declaration_cannot_name_another_place_than_the_landing_folder(path: str, tmp_path: Path) -> None:
    content = yaml.safe_load((PROJECT_ROOT / "include/use_cases/flights/use_case.yaml").read_text())
    content["source"]["path"] = path
    file = tmp_path / "flights" / "use_case.yaml"
    file.parent.mkdir()
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(UseCaseError, match="could leave its root folder"):
        read_use_case(file)
