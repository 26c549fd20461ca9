"""A server of the page that a test shows, and of the files of bmvis, which the browser keeps between tests.

An answer by Playwright costs two processes more, and turns off the cache of the browser: a page takes it twice as long.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bmvis.render.html import assets

POLICY = "default-src 'self'"
TYPES = {".css": "text/css", ".js": "text/javascript"}
FILES = ("bmvis.css", "bmvis.js", "bmvis-rows.js")


class PageServer(ThreadingHTTPServer):
    """Answer with one page at all paths but those of the files, under a strict content security policy."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.page = ""
        self.files = {name: assets.text(f"bmvis/static/{name}").encode() for name in FILES}
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def arguments(self) -> list[str]:
        """Return the arguments with which Chromium finds this server at http://localhost."""
        return [f"--host-resolver-rules=MAP localhost:80 127.0.0.1:{self.server_port}"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PageServer

    def do_GET(self) -> None:
        asked = self.path.partition("?")[0].lstrip("/")
        if asked == "favicon.ico":
            self._answer(b"", "image/x-icon", "max-age=3600")
        elif asked in self.server.files:
            self._answer(self.server.files[asked], TYPES[Path(asked).suffix], "max-age=3600")
        else:
            self._answer(self.server.page.encode(), "text/html", "no-store")

    def _answer(self, body: bytes, kind: str, cache: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Cache-Control", cache)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass
