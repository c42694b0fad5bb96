"""A git server on loopback: the real `git http-backend` behind Basic authentication, with bad days on demand."""

from __future__ import annotations

import base64
import gzip
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TOKEN = "ghs_aVeryTellingToken.with-dots_000000000000000000"


@dataclass
class GitServer:
    """Serves the bare repositories below `root`; the fields may be changed while it runs."""

    root: Path
    token: str = TOKEN
    public: bool = False
    """Whether reading needs no token."""
    status: int | None = None
    """When set, every request is answered with it."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Repository path → address it redirects to."""
    open_gate: threading.Event = field(default_factory=threading.Event)
    """While it is not set, requests with the right token wait."""
    arrived: threading.Event = field(default_factory=threading.Event)
    """Set by the first request that waits at the gate."""
    authorizations: list[str | None] = field(default_factory=list)
    address: str = ""

    def url(self, name: str = "acme/shop.git") -> str:
        return f"{self.address}/{name}"


@contextmanager
def serving(root: Path) -> Iterator[GitServer]:
    """Run a server on a port that the system chooses."""
    server = GitServer(root)
    server.open_gate.set()

    class Handler(_Handler):
        state = server

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.address = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.open_gate.set()
        http.shutdown()
        thread.join()
        http.server_close()


class _Handler(BaseHTTPRequestHandler):
    state: GitServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for an answer: git would wait 40 ms for the second
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        body = self._body()
        self._answer(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, body: bytes) -> None:
        state = self.state
        authorization = self.headers.get("Authorization")
        state.authorizations.append(authorization)
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        repository, _, rest = path.lstrip("/").partition(".git/")
        moved = state.renamed.get(f"{repository}.git")
        if state.status is not None:
            self._say(state.status)
        elif moved is not None:
            self._say(301, {"Location": f"{moved}/{rest}?{query}"})
        elif not (state.public and "receive-pack" not in self.path) and authorization != _basic(state.token):
            self._say(401, {"WWW-Authenticate": 'Basic realm="GitHub"'})
        elif not (state.root / f"{repository}.git").is_dir():
            self._say(404, body=b"Repository not found.", headers={"Content-Type": "text/plain"})
        else:
            self._wait_at_the_gate()
            self._backend(path, query, body)

    def _wait_at_the_gate(self) -> None:
        if not self.state.open_gate.is_set():
            self.state.arrived.set()
            self.state.open_gate.wait()

    def _backend(self, path: str, query: str, body: bytes) -> None:
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "GIT_PROJECT_ROOT": str(self.state.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "HOME": "/nonexistent",
            "REMOTE_USER": "x-access-token",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        answer = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _, content = answer.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        status = int(headers.pop("Status", "200 OK").split()[0])
        self._say(status, headers, content)

    def _say(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        try:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


def _basic(token: str) -> str:
    return "Basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode()
