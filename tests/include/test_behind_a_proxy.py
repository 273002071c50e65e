"""What a proxy says in the place of S3 or MLflow while they are away: an outage, not that nothing is there.

`NotFound` fails a task for good, and a file that seems absent is not ingested.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from include.errors import NotFound, Outage
from include.settings import Settings
from include.workspace import Workspace

RUN = "a" * 32
S3_QUESTIONS: dict[str, Callable[[Workspace, Path], Any]] = {
    "exists": lambda workspace, _: workspace.landing.exists("x"),
    "get": lambda workspace, _: workspace.landing.get("x"),
    "size": lambda workspace, _: workspace.landing.size("x"),
    "modified": lambda workspace, _: workspace.landing.modified("x"),
    "download": lambda workspace, folder: workspace.landing.download("x", folder / "x"),
    "list": lambda workspace, _: workspace.landing.list("x/"),
    "put": lambda workspace, _: workspace.landing.put("x", b"1"),
    "put if absent": lambda workspace, _: workspace.landing.put_if_absent("x", b"1"),
    "find a table": lambda workspace, _: workspace.lake.find("flights", "batches"),
    "find a version of a table": lambda workspace, _: workspace.lake.find("flights", "batches", 3),
}
MLFLOW_QUESTIONS: dict[str, Callable[[Workspace, Path], Any]] = {
    "champion": lambda workspace, _: workspace.registry.alias_version("flights", "champion"),
    "run": lambda workspace, _: workspace.registry.run(RUN),
    "file": lambda workspace, _: workspace.registry.file(RUN, "recipe.json"),
    "finished run": lambda workspace, _: workspace.registry.finished_run("flights", "key"),
}


@pytest.fixture(params=["text/html", "text/plain"])
def proxy(request: pytest.FixtureRequest) -> Iterator[str]:
    """A proxy that knows no server behind it: it answers each question with 404."""

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            content = b"default backend - 404"
            self.send_response(404)
            self.send_header("Content-Type", request.param)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = _answer  # noqa: N815 -- the server's names

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def behind(proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "some")
    return Workspace(
        Settings(
            _env_file=None,
            home=tmp_path / "home",
            landing_url="s3://bucket/landing",
            lake_url="s3://bucket/lake",
            s3_endpoint_url=proxy,
            mlflow_tracking_uri=proxy,
        )
    )


@pytest.mark.parametrize("ask", S3_QUESTIONS.values(), ids=S3_QUESTIONS)
def test_s3(behind: Workspace, tmp_path: Path, ask: Callable[[Workspace, Path], Any]) -> None:
    with pytest.raises(Outage, match=r"S3|lake"):
        ask(behind, tmp_path)


@pytest.mark.parametrize("ask", MLFLOW_QUESTIONS.values(), ids=MLFLOW_QUESTIONS)
def test_mlflow(behind: Workspace, tmp_path: Path, ask: Callable[[Workspace, Path], Any]) -> None:
    with pytest.raises(Outage, match="MLflow at"):
        ask(behind, tmp_path)


@pytest.mark.servers
def test_s3_itself_is_believed(s3_bucket: str, settings: Settings, tmp_path: Path) -> None:
    landing = Workspace(settings.model_copy(update={"landing_url": f"{s3_bucket}/landing"})).landing
    assert not landing.exists("x")
    for ask in (landing.get, landing.size, landing.modified):
        with pytest.raises(NotFound, match="There is no file"):
            ask("x")
    with pytest.raises(NotFound):
        landing.download("x", tmp_path / "x")
