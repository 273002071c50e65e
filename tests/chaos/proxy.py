"""An HTTP proxy in front of an S3 server that puts faults in, as a process of its own.

A native library that waits for an answer holds the interpreter's lock at times, so a thread beside it could
not answer. Requests and answers pass as they are, the `Host` header too, which the signature covers.

The faults and where each begins are told beforehand, as one line of JSON on stdin. Requests are counted by
what can be done to them, so that a fault meets the same request again, whatever else is asked meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any

# What each fault is done to: every request, one that brings content, one that changes something, one that
# does so unless the key is taken, or one whose answer has content.
FAULTS = {
    "answer 500": "request",
    "answer 503": "request",
    "late answer": "request",
    "cut upload": "upload",
    "lost answer": "change",
    "lost answer to If-None-Match": "conditional",
    "half answer": "content",
}
EVER = 1_000_000
_LATE_SECONDS = 1.5
_REFUSALS = {
    "answer 500": (500, "Internal Server Error", "InternalError"),
    "answer 503": (503, "Slow Down", "SlowDown"),
}
_LARGEST = 1 << 26


@dataclass(frozen=True)
class Plan:
    """A fault, the first of its requests that it strikes, from 1, and how many from there on."""

    fault: str
    first: int = 1
    times: int = 1


@dataclass
class Seen:
    """What passed since the last plan.

    Attributes:
        counts: requests of each kind.
        struck: by fault, the requests that it struck.
    """

    counts: dict[str, int] = field(default_factory=dict)
    struck: dict[str, list[str]] = field(default_factory=dict)


class Proxy:
    """The process, for the test that has started it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.url = f"http://127.0.0.1:{self._read()}"

    def plan(self, *plans: Plan) -> Seen:
        """Strike as planned from now on, or not at all; return what has passed since the plans before."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps([asdict(plan) for plan in plans]) + "\n")
        self._process.stdin.flush()
        return Seen(**self._read())

    def _read(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


@contextmanager
def proxy(server: str) -> Iterator[Proxy]:
    """Run the proxy in front of a server."""
    command = [sys.executable, __file__, server]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Proxy(process)
        finally:
            process.kill()


@dataclass(frozen=True)
class _Message:
    """The head of a request or an answer, and its content."""

    head: bytes
    body: bytes = b""

    @property
    def words(self) -> list[str]:
        return self.head.split(b"\r\n", 1)[0].decode().split()

    def header(self, name: str) -> str:
        found = [line for line in self.head.split(b"\r\n") if line.lower().startswith(f"{name}:".encode())]
        return found[0].partition(b":")[2].decode().strip() if found else ""


class _Server:
    def __init__(self, target: str) -> None:
        self._host, _, port = target.removeprefix("http://").partition(":")
        self._port = int(port)
        self._plans: list[Plan] = []
        self._struck: dict[str, list[str]] = {}
        self._counts = Counter[str]()

    def replan(self, line: str) -> str:
        told = json.dumps({"counts": dict(self._counts), "struck": self._struck})
        self._plans = [Plan(**plan) for plan in json.loads(line)]
        self._struck, self._counts = {}, Counter()
        return told

    def _fault(self, kinds: list[str], request: _Message) -> str:
        """Count a request as each of its kinds; return which fault strikes it."""
        self._counts.update(kinds)
        for plan in self._plans:
            kind = FAULTS[plan.fault]
            if kind in kinds and plan.first <= self._counts[kind] < plan.first + plan.times:
                self._struck.setdefault(plan.fault, []).append(" ".join(request.words[:2]))
                return plan.fault
        return ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass the requests of one connection on, until a fault or the client ends it."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self._pass(reader, writer):
                pass
        writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Pass one request on, or do what is planned; return whether the connection goes on."""
        request = _Message(await reader.readuntil(b"\r\n\r\n"))
        length = int(request.header("content-length") or 0)
        fault = self._fault(_kinds(request, length), request)
        if request.header("expect"):
            # The server is asked without, or it may answer and go before it was sent anything.
            lines = request.head.split(b"\r\n")
            request = _Message(
                b"\r\n".join(line for line in lines if not line.lower().startswith(b"expect:"))
            )
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readexactly(length // 2 if fault == "cut upload" else length)
        if fault in _REFUSALS:
            writer.write(_refusal(fault, request))
            return True
        answer = await self._ask(request.head + body, request, cut=fault == "cut upload")
        if answer is None or fault.startswith("lost answer"):
            return False
        read = request.words[0] == "GET" and answer.words[1] in {"200", "206"} and len(answer.body) > 1
        if read and self._fault(["content"], request):
            writer.write(answer.head + answer.body[: len(answer.body) // 2])
            await writer.drain()
            return False
        if fault == "late answer":
            await asyncio.sleep(_LATE_SECONDS)
        writer.write(answer.head + answer.body)
        await writer.drain()
        return True

    async def _ask(self, content: bytes, request: _Message, *, cut: bool) -> _Message | None:
        """Return the server's answer; None where the request was cut off."""
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=_LARGEST)
        try:
            writer.write(content)
            await writer.drain()
            if cut:
                return None
            while True:
                answer = _Message(await reader.readuntil(b"\r\n\r\n"))
                if not answer.words[1].startswith("1"):
                    break
            return _Message(answer.head, await _body(reader, answer, request))
        finally:
            writer.close()


def _kinds(request: _Message, length: int) -> list[str]:
    kinds = ["request"]
    if request.words[0] in {"PUT", "POST", "DELETE"}:
        kinds.append("change")
    if length > 1:
        kinds.append("upload")
    if request.header("if-none-match"):
        kinds.append("conditional")
    return kinds


async def _body(reader: asyncio.StreamReader, answer: _Message, request: _Message) -> bytes:
    if request.words[0] == "HEAD" or answer.words[1] in {"204", "304"}:
        return b""
    if answer.header("transfer-encoding").lower() != "chunked":
        return await reader.readexactly(int(answer.header("content-length") or 0))
    parts = []
    while True:
        size = await reader.readline()
        parts += [size, await reader.readexactly(int(size, 16) + 2)]
        if int(size, 16) == 0:
            return b"".join(parts)


def _refusal(fault: str, request: _Message) -> bytes:
    status, reason, code = _REFUSALS[fault]
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{reason}</Message></Error>".encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + (b"" if request.words[0] == "HEAD" else body)


async def _main(target: str) -> None:
    server = _Server(target)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, limit=_LARGEST)
    _tell(str(listening.sockets[0].getsockname()[1]))
    while line := await asyncio.to_thread(sys.stdin.readline):
        _tell(server.replan(line))


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
